package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// stateFile marks a folder as a fleet's.
const stateFile = "state.json"

// lockFile is held by the command that changes the fleet.
const lockFile = "lock"

// private is the mode of everything that may hold a secret: configurations do, and logs might.
const private = 0o600

// state is what a folder remembers between two commands; everything else follows from it.
type state struct {
	// BasePort is the first of the block of ports that the fleet listens on.
	BasePort int `json:"base_port"`
	// Runs are the processes that were started and not stopped since, dead or alive, by name.
	Runs map[string]identity `json:"runs"`
}

// loadState reads the state; found is false when the folder holds no fleet.
func loadState(dir string) (s state, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return state{Runs: map[string]identity{}}, false, nil
	}
	if err != nil {
		return state{}, false, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return state{}, false, fmt.Errorf("%s: %w", filepath.Join(dir, stateFile), err)
	}
	if s.Runs == nil {
		s.Runs = map[string]identity{}
	}
	return s, true, nil
}

func (s state) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, stateFile), append(text, '\n'))
}

// replace writes a file in one step, so that a crash leaves the old one or the new one.
func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600 from birth
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// lock keeps a second command from changing the same fleet at the same time.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, private)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another command is changing the fleet in %s; wait for it", dir)
	}
	return func() { _ = f.Close() }, nil // closing releases the lock; what was started does not inherit it
}
