package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// String is the row for people.
func (r *result) String() string {
	return fmt.Sprintf("%s: lasted %s, normal %s\n  commands %s\n  reads %s\n  oldest answers %s; views equal after %s; %d rooms, %d events, %d histories of %d operations\n  %s\n  %s",
		r.name, seconds(r.lasted), r.normal(), r.commands, r.reads, r.ages(), seconds(r.equal), r.rooms, r.events, r.histories, r.operations, strings.Join(r.notes, "; "), r.cause)
}

// normal is when things were normal again, since the fault began or, when they were not before, since it ended.
func (r *result) normal() string {
	switch {
	case r.settled == 0:
		return "always"
	case r.settled > r.lasted:
		return fmt.Sprintf("end + %s", seconds(r.settled-r.lasted))
	}
	return seconds(r.settled)
}

func (r *result) ages() string { return seconds(r.oldest["a"]) + " / " + seconds(r.oldest["b"]) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// cells are the line of the table.
func (r *result) cells() []string {
	count := func(list []string) string { return fmt.Sprint(len(list)) }
	return []string{
		r.name, seconds(r.lasted), r.normal(), r.commands.String(), r.reads.String(), r.ages(),
		count(r.lost), fmt.Sprintf("%d / %d / %d", len(r.missing), len(r.repeated), len(r.reordered)), count(r.differ), seconds(r.equal),
		fmt.Sprintf("%d of %d", r.histories-len(r.strange), r.histories), strings.Join(r.notes, "; "),
	}
}

const head = `# Faults

<!-- Written by ` + "`make faults`" + `. Do not edit: run it. -->

What a fleet does while something in it is broken. Each row is played on real processes on one machine: MariaDB, a NATS cluster of three
and the leaf of zone b, a Redis Cluster of six, two xanchor, two xroom in each of the zones a (home) and b, a forwarder in zone b, watch,
and a proxy on each way between two of them (but none for watch). All the while %d broadcasters send commands to random doors of both zones, viewers
read from every node, two more read strongly, others crawl the live list and follow the feed.

How to read it:

- **Lasts**: how long something was broken. What was killed stays dead for that time.
- **Normal**: from when on every call of a process that runs succeeded at once, and every node's answers were less than 1 s old; counted
  from the beginning of the fault, or from its end when it took longer. *Always*: nobody noticed.
- **Commands, reads**: how many were sent; how long the slowest took of those that succeeded at once; how many failed at the one process that was asked, and with what; how many of these
  were answered when asked again with the client's list of zones, commands under the same Idempotency-Key. The rest was left
  open on purpose, and asked for at the end of the row.
- **Oldest**: the largest age that an answer in zone a and in zone b said. No answer was older than it said: each is compared with
  what had been acknowledged by then.
- **Lost**: commands that were acknowledged and cannot be found, in B, in the log or in a view. **Events**: lost, repeated or out of
  order in the log, at a subscriber of the bare protocol in each zone, or at one of the Go client. Must be 0.
- **Differ**: rooms that some node shows otherwise than B 30 s after the last command; **equal**: how long it took until none did. Every field
  of every room on all four nodes is compared. Must be 0.
- **Histories**: rooms whose commands and strong reads of this row are linearizable, checked with porcupine. Must be all.

`

// write makes the page.
func (s *suite) write(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, head, writers)
	fmt.Fprintf(&b, "|  |  |\n|---|---|\n| commit | %s |\n| date | %s |\n| machine | %s, %d cores, Linux |\n| Go | %s |\n\n",
		commit(), time.Now().UTC().Format("2006-01-02 15:04 MST"), processor(), runtime.NumCPU(), runtime.Version())
	columns := []string{"fault", "lasts", "normal", "commands", "reads", "oldest a / b", "lost", "events lost / repeated / reordered", "differ", "equal", "histories", "remarks"}
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range s.results {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	last := s.results[len(s.results)-1]
	operations := 0
	for _, r := range s.results {
		operations += r.operations
	}
	fmt.Fprintf(&b, "\nAll in all %d rooms, %d events, and %d operations in the histories.\n", last.rooms, last.events, operations)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// commit is that of the folder that the binary was built from.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	changed, _ := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":!/docs").Output()
	if len(changed) > 0 {
		return strings.TrimSpace(string(hash)) + " with changes that are not committed"
	}
	return strings.TrimSpace(string(hash))
}

// processor is the first core's name.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
