// Command greenroom is the room service of a live-streaming platform: one binary, many roles.
package main

import (
	"os"

	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/bench"
	"github.com/greenroomlive/greenroom/internal/door/cli"
	"github.com/greenroomlive/greenroom/internal/fleet"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr, app.Commands(), bench.Command(), fleet.Command()))
}
