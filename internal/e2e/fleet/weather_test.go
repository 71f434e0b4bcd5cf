package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// calm is how long nothing may be out of order before things are normal again, and how fresh every zone must be.
const calm = time.Second

// tally counts one kind of calls in a row.
type tally struct {
	// sent calls, those of them whose first attempt failed at the one node that was asked, and those of these that
	// were answered when asked again with the client's list of zones, commands under the same Idempotency-Key.
	sent, failed, helped int
	// left were not asked again at once, on purpose: their outcome stays unknown until the end of the row.
	left  int
	codes map[string]int
	// slowest is the longest that a call took which succeeded at once.
	slowest time.Duration
}

// weather notes how the fleet looks from outside: who fails, how old answers are, and when that was last so. What
// fails at a process that a row has taken down is counted, and does not disturb: others have to stand in for it.
type weather struct {
	mu       sync.Mutex
	commands tally
	reads    tally
	oldest   map[string]time.Duration // by zone
	// at are the first attempts that failed, by process; but to be told that a version has not come yet is no failure.
	at    map[string]int
	pages int // of crawls

	down  map[string]bool
	back  map[string]time.Time
	last  time.Time // of a disturbance
	cause string
}

func newWeather() *weather {
	w := &weather{down: map[string]bool{}, back: map[string]time.Time{}}
	w.clear()
	return w
}

// notYet is the answer to one who wants to see a version that has not come.
const notYet = "NOT_YET_VISIBLE"

// clear begins the counts of another row.
func (w *weather) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commands, w.reads = tally{codes: map[string]int{}}, tally{codes: map[string]int{}}
	w.oldest, w.at, w.pages, w.last, w.cause = map[string]time.Duration{}, map[string]int{}, 0, time.Time{}, ""
}

// takeDown says that these processes are not to be counted on; bring says that they are, from now on.
func (w *weather) takeDown(processes ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range processes {
		w.down[p] = true
	}
}

func (w *weather) bring(processes ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range processes {
		delete(w.down, p)
		w.back[p] = time.Now()
	}
}

// excused: the process was down at some time since. w.mu is held.
func (w *weather) excused(process string, since time.Time) bool {
	return w.down[process] || w.back[process].After(since)
}

// disturbed notes that something was out of order. w.mu is held.
func (w *weather) disturbed(format string, args ...any) {
	w.last, w.cause = time.Now(), fmt.Sprintf(format, args...)
}

// sent counts a call, well one that succeeded at once, failed one whose first attempt, at this process, failed.
func (w *weather) sent(t *tally) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.sent++
}

func (w *weather) well(t *tally, since time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.slowest = max(t.slowest, time.Since(since))
}

func (w *weather) failed(t *tally, process string, since time.Time, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.failed++
	t.codes[code(err)]++
	if code(err) != notYet {
		w.at[process]++
	}
	if !w.excused(process, since) {
		w.disturbed("%s: %v", process, err)
	}
}

// again counts what came of asking again, left that it was not asked again.
func (w *weather) again(t *tally, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		t.helped++
		return
	}
	w.disturbed("asked again: %v", err)
}

func (w *weather) left(t *tally) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t.left++
}

// aged takes in how old a process says its answer is.
func (w *weather) aged(process, zone string, since time.Time, age time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.oldest[zone] = max(w.oldest[zone], age)
	if age >= calm && !w.excused(process, since) {
		w.disturbed("%s: an answer is %v old", process, age)
	}
}

func (w *weather) crawled(pages int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages += pages
}

// normal is nil when nothing was out of order for a while.
func (w *weather) normal(since time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if quiet := time.Since(latest(w.last, since)); quiet < calm {
		return fmt.Errorf("%v ago: %s", quiet, cmp.Or(w.cause, "the fault ended"))
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func code(err error) string {
	if e, ok := errors.AsType[*greenroom.Error](err); ok {
		return e.Code
	}
	return "OTHER"
}

// String is "412; slowest 0.2 s; 7 failed: UNAVAILABLE 7; again: 6 of 6".
func (t tally) String() string {
	if t.failed == 0 {
		return fmt.Sprintf("%d; slowest %s", t.sent, seconds(t.slowest))
	}
	var codes []string
	for c, n := range t.codes {
		codes = append(codes, fmt.Sprintf("%s %d", c, n))
	}
	slices.Sort(codes)
	return fmt.Sprintf("%d; slowest %s; %d failed: %s; again: %d of %d", t.sent, seconds(t.slowest), t.failed, strings.Join(codes, ", "), t.helped, t.failed-t.left)
}
