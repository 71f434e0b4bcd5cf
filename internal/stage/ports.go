package stage

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// The ports of the stage lie below those that the kernel gives to outgoing connections: one of these would take the
// port of a dead server, and it could not come back. They are dealt in blocks, and a process claims a block for
// its life with a lock on a file: between finding a port free and listening on it there is time, and the tests
// of several packages look for ports at once.
const firstPort, lastPort, blockPorts = 12_000, 20_000, 50

var ports struct {
	sync.Mutex
	next, end int
	claims    []*os.File // the locks of the blocks: they go when the process does, however it ends
}

// FreeAddr is a loopback address that nothing listens on and that no other process of the stage will be given. It
// may be used again and again, as a server does that is killed and started.
func FreeAddr() (string, error) {
	ports.Lock()
	defer ports.Unlock()
	for {
		if ports.next == ports.end {
			if err := claimBlock(); err != nil {
				return "", err
			}
		}
		addr := "127.0.0.1:" + strconv.Itoa(ports.next)
		ports.next++
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue // somebody else's
		}
		return addr, l.Close()
	}
}

// freeAddrs are n of them.
func freeAddrs(n int) ([]string, error) {
	out := make([]string, n)
	for i := range out {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		out[i] = addr
	}
	return out, nil
}

// claimBlock takes the next block that no living process holds.
func claimBlock() error {
	folder := filepath.Join(os.TempDir(), "greenroom-stage-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for first := max(ports.end, firstPort); first < lastPort; first += blockPorts {
		f, err := os.OpenFile(filepath.Join(folder, strconv.Itoa(first)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = f.Close() // held by somebody else
			continue
		}
		ports.claims = append(ports.claims, f)
		ports.next, ports.end = first, first+blockPorts
		return nil
	}
	return fmt.Errorf("stage: no block of %d ports is left between %d and %d", blockPorts, firstPort, lastPort)
}
