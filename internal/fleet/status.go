package fleet

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// The states of a process.
const (
	stateDead    = "dead"
	statePaused  = "paused"
	stateRunning = "running" // and not ready
	stateReady   = "ready"
)

// row is a process as it is now.
type row struct {
	Process string `json:"process"`
	Kind    string `json:"kind"`
	Zone    string `json:"zone,omitempty"`
	// PID is that of the last run, dead or alive; 0 when there was none.
	PID   int    `json:"pid"`
	State string `json:"state"`
	// Leads says what it leads, Why why it is not ready.
	Leads string `json:"leads,omitempty"`
	Why   string `json:"why,omitempty"`
	// Addresses are host:port by what is spoken there.
	Addresses map[string]string `json:"addresses"`
	// MemoryBytes is what it has in memory now.
	MemoryBytes   int64 `json:"memory_bytes"`
	UptimeSeconds int64 `json:"uptime_seconds"`

	at []endpoint
}

// status looks at every process, at all of them at once: a frozen one does not hold up the others.
func (y *yard) status(ctx context.Context) []row {
	all := y.processes()
	rows := make([]row, len(all))
	var looks errgroup.Group
	for i, m := range all {
		looks.Go(func() error { rows[i] = y.look(ctx, m); return nil })
	}
	_ = looks.Wait() // what cannot be asked is not ready
	return rows
}

func (y *yard) look(ctx context.Context, m *process) row {
	id := y.run(m)
	r := row{Process: m.name, Kind: m.kind, Zone: m.zone, PID: id.PID, State: stateDead, Addresses: map[string]string{}, at: m.at}
	for _, e := range m.at {
		r.Addresses[e.what] = e.addr
	}
	v, err := id.vitals()
	if err != nil {
		return r
	}
	r.MemoryBytes, r.UptimeSeconds = v.rss, int64(v.age()/time.Second)
	if v.paused {
		r.State = statePaused
		return r
	}
	if err := probed(ctx, m); err != nil {
		r.State, r.Why = stateRunning, firstLine(err.Error())
		return r
	}
	r.State = stateReady
	if m.leads != nil {
		ctx, cancel := context.WithTimeout(ctx, probeWithin)
		defer cancel()
		r.Leads = m.leads(ctx)
	}
	return r
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// printStatus writes the rows as a table.
func printStatus(out io.Writer, rows []row) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PROCESS\tZONE\tPID\tSTATE\tLEADS\tPORTS\tMEMORY\tUPTIME\tWHY NOT READY")
	for _, r := range rows {
		pid, memory, uptime := "-", "-", "-"
		if r.State != stateDead {
			pid = fmt.Sprint(r.PID)
			memory = fmt.Sprintf("%d MiB", r.MemoryBytes>>20)
			uptime = (time.Duration(r.UptimeSeconds) * time.Second).String()
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Process, cmp.Or(r.Zone, "-"), pid, r.State, cmp.Or(r.Leads, "-"), portsOf(r.at), memory, uptime, r.Why)
	}
	return t.Flush()
}

// portsOf lists ports by what is spoken there.
func portsOf(at []endpoint) string {
	var words []string
	for _, e := range at {
		_, port, _ := net.SplitHostPort(e.addr) // the plan made it
		words = append(words, e.what+" "+port)
	}
	return strings.Join(words, ", ")
}
