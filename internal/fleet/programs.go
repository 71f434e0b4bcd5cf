package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// programs are the paths of what the fleet runs.
type programs map[string]string

// needed are the programs of each kind, with the Debian package that has them.
var needed = []struct{ kind, program, from string }{
	{"mariadb", "mariadbd", "mariadb-server"},
	{"mariadb", "mariadb-install-db", "mariadb-server"},
	{"redis", "redis-server", "redis-server"},
	{"redis", "redis-cli", "redis-tools"},
	{"nats", natsProgram, ""},
}

const natsProgram = "nats-server"

// findPrograms looks everything up that a fleet runs. What these kinds miss is told all at once, with what brings it:
// nothing is installed from here.
func findPrograms(self string, kinds []string) (programs, error) {
	found := programs{"greenroom": self}
	var packages []string
	var natsMissing error
	for _, n := range needed {
		path := lookUp(self, n.program)
		switch {
		case path != "":
			found[n.program] = path
		case !slices.Contains(kinds, n.kind):
		case n.from == "":
			natsMissing = fmt.Errorf("%s is neither beside %s nor in the PATH: `make fleet` builds it from the module that go.mod names", natsProgram, self)
		case !slices.Contains(packages, n.from):
			packages = append(packages, n.from)
		}
	}
	if len(packages) > 0 {
		names := strings.Join(packages, " ")
		return nil, errors.Join(fmt.Errorf("these Debian packages are missing: %s; to have them: sudo apt-get install %s", names, names), natsMissing)
	}
	return found, natsMissing
}

// lookUp finds a program: nats-server beside our own, as `make fleet` leaves it, and then all in the PATH and where
// Debian keeps servers from ordinary users. Empty when it is not there.
func lookUp(self, program string) string {
	places := []string{program, filepath.Join("/usr/sbin", program)}
	if program == natsProgram {
		places = []string{filepath.Join(filepath.Dir(self), program), program}
	}
	for _, place := range places {
		if path, err := exec.LookPath(place); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	return ""
}

// environment is ours without GREENROOM_*: a variable of the caller's shell goes before a configuration file, and
// would reach every node of the fleet.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GREENROOM_") })
}
