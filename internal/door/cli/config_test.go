package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/alecthomas/kong"
)

// echo prints what it was set to.
type echo struct {
	Word string `default:"default"`
}

func (e *echo) Run() error { return &exitWord{e.Word} }

// exitWord brings the word out as the error's text.
type exitWord struct{ word string }

func (e *exitWord) Error() string { return e.word }

func TestTheCloserSettingWins(t *testing.T) {
	config := filepath.Join(t.TempDir(), "greenroom.yaml")
	if err := os.WriteFile(config, []byte("echo:\n  word: file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, env string
		args      []string
		want      string
	}{
		{"nothing is set", "", nil, "default"},
		{"the file goes before the default", "", []string{"--config", config}, "file"},
		{"the environment before the file", "environment", []string{"--config", config}, "environment"},
		{"the flag before the environment", "environment", []string{"--config", config, "--word", "flag"}, "flag"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv("GREENROOM_WORD", c.env)
			}
			var out, errs bytes.Buffer
			run(t.Context(), append([]string{"echo"}, c.args...), &out, &errs, kong.DynamicCommand("echo", "", "", &echo{}))
			if got := errs.String(); got != "greenroom: "+c.want+"\n" {
				t.Errorf("it was %q, want %s", got, c.want)
			}
		})
	}
}
