package stories

import (
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/bench"
	"github.com/greenroomlive/greenroom/internal/door/cli"
	"github.com/greenroomlive/greenroom/internal/fleet"
)

// TestMain puts the test program on the PATH under the name greenroom: called by it, it is the real main.
func TestMain(m *testing.M) {
	testscript.Main(checked{m}, map[string]func(){
		"greenroom": func() {
			os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, app.Commands(), bench.Command(), fleet.Command()))
		},
	})
}

// checked looks for goroutines that were left behind.
type checked struct{ *testing.M }

func (c checked) Run() int {
	code := c.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/stories",
		Setup:               func(e *testscript.Env) error { e.Values[worldKey{}] = &world{dir: e.WorkDir}; return nil },
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"dev": dev, "http": http, "take": take, "await": await, "let": let},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
