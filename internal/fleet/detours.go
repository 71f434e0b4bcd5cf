package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// detoursFile, where it lies in a fleet's folder, says who reaches whom another way. The fault suite puts proxies
// between the processes with it. It counts from the next start of a process on.
const detoursFile = "detours.json"

// detour is where a process reaches another one, in place of the other one's own address.
type detour struct {
	// From is a process; empty for all of them. A Redis tells its address itself, and a viewer node the one for calls
	// of its zone's projector: these have detours for all only.
	From string `json:"from,omitempty"`
	To   string `json:"to"`
	// What is spoken there, as status has it, and Addr the other address, host:port.
	What string `json:"what"`
	Addr string `json:"addr"`
}

// loadDetours reads those of a folder; none when there is no file.
func loadDetours(dir string) (out []detour, err error) {
	path := filepath.Join(dir, detoursFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// way is where from reaches to; the way of nobody in particular is that of everybody.
func (p *plan) way(from, to *process, what string) string {
	addr := to.addr(what)
	for _, d := range p.detours {
		switch {
		case d.To != to.name || d.What != what:
		case from != nil && d.From == from.name:
			return d.Addr
		case d.From == "":
			addr = d.Addr
		}
	}
	return addr
}

// ways are where from reaches each of them.
func (p *plan) ways(from *process, to []*process, what string) []string {
	out := make([]string, len(to))
	for i, m := range to {
		out[i] = p.way(from, m, what)
	}
	return out
}
