// Command composecheck reads compose files as `docker compose config` does, and fails when one is not what the
// Compose Specification says: an unknown key, a service that depends on none there is, a port that is none. It
// needs neither Docker nor a network.
//
//	composecheck compose.yaml …
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "composecheck: %s: %v\n", path, err)
			failed = true
		}
	}
	if failed || len(os.Args) < 2 {
		os.Exit(1)
	}
}

// check loads a project with the example of its secrets, and asks what the specification leaves open: whether every
// service that is to stay up says how one knows that it is well.
func check(path string) error {
	options, err := cli.NewProjectOptions([]string{path},
		cli.WithWorkingDirectory(filepath.Dir(path)),
		cli.WithEnvFiles(filepath.Join(filepath.Dir(path), "example.env")), cli.WithDotEnv,
		cli.WithInterpolation(true), cli.WithConsistency(true), cli.WithNormalization(true),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	for name, s := range project.Services {
		if s.HealthCheck == nil && s.Restart != "no" && s.Restart != "on-failure" {
			return fmt.Errorf("service %s has no health check, and is no task that ends", name)
		}
	}
	fmt.Printf("%s: %d services\n", path, len(project.Services))
	return nil
}
