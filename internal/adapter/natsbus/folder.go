package natsbus

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

var (
	errWiped     = errors.New("natsbus: the broker's folder was removed or replaced")
	errHalfWiped = errors.New("natsbus: a stream's folder was removed")
)

// folder recognizes a directory again. It holds it open: otherwise the file system may give the
// number of a removed directory to the one that takes its place.
type folder struct {
	path string
	held *os.File
}

func holdFolder(path string) (*folder, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("natsbus: %w", err)
	}
	return &folder{path, f}, nil
}

func (f *folder) inPlace() bool {
	mine, err := f.held.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(f.path)
	return err == nil && os.SameFile(mine, there)
}

func (f *folder) release() { _ = f.held.Close() } // read only: closing cannot lose anything

// streamsDir is where the server keeps the streams of the one account there is.
func (e *Embedded) streamsDir() string {
	return filepath.Join(e.cfg.Dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams")
}

// streamsInPlace reports whether each stream the server works on still has its messages' folder.
// A running server does not notice: it goes on with the files it has open.
func (e *Embedded) streamsInPlace(srv *server.Server) bool {
	for name := range streams(srv) {
		if _, err := os.Stat(filepath.Join(e.streamsDir(), name, "msgs")); errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return true
}

// recovered reports whether the server opened each stream that is in its folder. It starts even
// if it cannot read one, and then that stream's name is taken by a ruin.
func (e *Embedded) recovered(srv *server.Server) bool {
	entries, err := os.ReadDir(e.streamsDir())
	if err != nil {
		return errors.Is(err, os.ErrNotExist) // nothing stored yet
	}
	have := streams(srv)
	for _, entry := range entries {
		if !have[entry.Name()] {
			return false
		}
	}
	return true
}

func streams(srv *server.Server) map[string]bool {
	account, err := srv.JszAccount(&server.JSzOptions{Account: server.DEFAULT_GLOBAL_ACCOUNT, Streams: true})
	if err != nil {
		return nil // JetStream is off; watch sees that by itself
	}
	names := make(map[string]bool, len(account.Streams))
	for _, s := range account.Streams {
		names[s.Name] = true
	}
	return names
}
