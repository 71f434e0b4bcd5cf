package cli

import (
	"fmt"
	"io"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints what the Go toolchain stamped into the binary.
func (c *versionCmd) Run(out io.Writer) error {
	version, revision, from := "unknown", "", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		version, from = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(out, "greenroom %s%s (%s)\n", version, revision, from)
	return err
}
