package queryapi

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
)

const (
	// retryEvery is how long a full socket gets to drain.
	retryEvery = 50 * time.Millisecond
	// worthRest keeps the rest away from small crowds, whose passes are too short to matter.
	worthRest = time.Millisecond
	// longestRest bounds how much later an event comes because the ones before were so much work.
	longestRest = 100 * time.Millisecond
	// hearEvery is how many seconds go by between two looks at who has left without a word.
	hearEvery = 5
	// turn is how many writes are made in one go: half a millisecond, then others may run.
	turn = 64
	// scratchKept bounds the memory that an exceptionally long batch leaves behind.
	scratchKept = 1 << 20
)

// shard pushes to its part of the followers, from one goroutine. It reads the feed like any watcher,
// without a filter, and all who are up to date are where it is.
//
// After each pass it rests as long as the pass took. So pushing takes half of a core at most, reads
// have the other half, and what happens meanwhile goes out in one write: the more there is to do, the
// more is done at once.
type shard struct {
	push *push
	wake chan struct{}

	mu      sync.Mutex
	arrived []*follower
	closed  bool

	// All below belongs to run.
	sender  *sender
	lead    *feed.Watcher // nil while nobody follows
	groups  index
	behind  []*follower // those who have not got all that lead has
	retryAt time.Time
	failing bool // the feed could not be read
	seconds int64
	began   time.Time
	proof   proof
	writes  int

	// Buffers that are used again.
	touched []*group
	frames  []*feed.Frame
	scratch []byte
}

func newShard(p *push) *shard {
	return &shard{push: p, wake: make(chan struct{}, 1), sender: newSender(), groups: newIndex()}
}

// join hands a follower over.
func (s *shard) join(f *follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.push.gone(f)
		return
	}
	s.arrived = append(s.arrived, f)
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (s *shard) run(ctx context.Context) {
	defer s.close()
	s.began = time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		moved := s.push.hub.Moved()
		began := time.Now()
		s.pass(ctx, began)
		if took := time.Since(began); took > worthRest {
			timer.Reset(min(took, longestRest))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if s.lead == nil {
			moved = nil
		}
		timer.Reset(s.nextDuty())
		select {
		case <-ctx.Done():
		case <-moved:
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// nextDuty is when to look although nothing happened.
func (s *shard) nextDuty() time.Duration {
	switch {
	case s.lead == nil:
		return time.Hour
	case s.failing || len(s.behind) > 0:
		return retryEvery
	}
	return time.Until(s.began.Add(time.Duration(s.seconds+1) * time.Second))
}

// pass brings everybody to the end of the feed who can be brought there without waiting.
func (s *shard) pass(ctx context.Context, now time.Time) {
	s.mu.Lock()
	arrived := s.arrived
	s.arrived = nil
	s.mu.Unlock()
	if s.lead == nil {
		if len(arrived) == 0 {
			return
		}
		s.lead = s.push.hub.Tail()
		s.seconds = int64(now.Sub(s.began) / time.Second) // nobody was there to owe anything to
	}
	s.advance(ctx, now)
	for _, f := range arrived {
		f.group, f.since = s.groups.of(f), now
		if f.group.size++; f.group.size == 1 {
			f.group.said = s.seconds
		}
		s.bring(ctx, f, now)
	}
	if !now.Before(s.retryAt) {
		s.retryAt = now.Add(retryEvery)
		late := s.behind
		s.behind = nil
		for _, f := range late {
			s.bring(ctx, f, now)
		}
	}
	if seconds := int64(now.Sub(s.began) / time.Second); seconds > s.seconds {
		s.duties(seconds, now)
	}
}

// advance gives those who are up to date what has happened since. What happens meanwhile is for the next pass:
// where events come faster than they are pushed, this one would never end.
func (s *shard) advance(ctx context.Context, now time.Time) {
	end, _ := s.push.hub.End()
	for {
		frames, err := s.lead.Until(ctx, end)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, fault.CursorExpired):
			s.endAll(err)
			s.lead, s.proof = s.push.hub.Tail(), proof{} // what was proven is true of the other log
			return
		case err != nil:
			if !s.failing {
				s.push.log.Error("feed not read; followers wait", slog.String("error", err.Error()))
			}
			s.failing = true
			return
		}
		s.failing = false
		if len(frames) == 0 {
			return
		}
		s.touched = s.groups.sort(frames, s.touched[:0])
		for _, g := range s.touched {
			s.give(g, now)
			clear(g.due)
			g.due = g.due[:0]
		}
	}
}

// give writes to all members of a group what is due.
func (s *shard) give(g *group, now time.Time) {
	b := s.together(g.shape, g.due)
	g.said = s.seconds
	for i := len(g.members) - 1; i >= 0; i-- {
		f := g.members[i]
		n, err := s.send(f, b)
		if err == nil && n == len(b) {
			continue
		}
		g.leave(i)
		if err != nil {
			s.gone(f)
			continue
		}
		f.since = now
		f.settle(g.due, n)
		s.behind = append(s.behind, f)
	}
}

// together is frames in one piece, valid until the next call.
func (s *shard) together(as shape, frames []*feed.Frame) []byte {
	if len(frames) == 1 {
		return as.frame(frames[0])
	}
	if cap(s.scratch) > scratchKept {
		s.scratch = nil
	}
	s.scratch = s.scratch[:0]
	for _, f := range frames {
		s.scratch = append(s.scratch, as.frame(f)...)
	}
	return s.scratch
}

// settle notes that of these frames only n bytes, not all, were written. What is next is the rest of the
// first that did not fit: a part of what all share, so there is nothing to keep but where it begins.
func (f *follower) settle(frames []*feed.Frame, n int) {
	for _, one := range frames {
		b := f.shape.frame(one)
		if n < len(b) {
			f.Seek(one.Seq)
			f.rest = b[n:]
			return
		}
		n -= len(b)
	}
}

// bring writes to a follower what it has not had, and lets it into its group when that was all.
func (s *shard) bring(ctx context.Context, f *follower, now time.Time) {
	for s.drain(f, now) {
		if f.Cursor() < s.lead.Cursor() && !f.Near() && !f.Void() {
			s.slow(f) // the feed has gone on by more than its memory
			return
		}
		frames, err := f.Until(ctx, s.lead.Cursor())
		switch {
		case ctx.Err() != nil:
			s.behind = append(s.behind, f) // close ends it, without a word
			return
		case err != nil:
			s.end(f, err)
			return
		case len(frames) == 0 && f.Cursor() > s.lead.Cursor():
			s.behind = append(s.behind, f) // the shard could not read the feed as far as this one has had it
			return
		case len(frames) == 0:
			f.group.members = append(f.group.members, f)
			return
		case !s.hand(f, frames, now):
			return
		}
	}
}

// hand writes frames to one follower. False: it has left.
func (s *shard) hand(f *follower, frames []feed.Frame, now time.Time) bool {
	s.frames = s.frames[:0]
	for i := range frames {
		s.frames = append(s.frames, &frames[i])
	}
	b := s.together(f.shape, s.frames)
	n, err := s.send(f, b)
	if err != nil {
		s.gone(f)
		return false
	}
	if n > 0 {
		f.since = now
	}
	f.settle(s.frames, n)
	return true
}

// drain writes the rest of what was begun. It reports whether more may follow now.
func (s *shard) drain(f *follower, now time.Time) bool {
	if f.rest == nil {
		return true
	}
	n, err := s.send(f, f.rest)
	if err != nil {
		s.gone(f)
		return false
	}
	if n > 0 {
		f.since = now
	}
	if f.rest = f.rest[n:]; len(f.rest) == 0 {
		f.rest = nil
		return true
	}
	if now.Sub(f.since) >= *s.push.patience {
		s.slow(f)
		return false
	}
	s.behind = append(s.behind, f)
	return false
}

// slow cuts a follower, which comes back at its cursor.
func (s *shard) slow(f *follower) {
	s.push.hub.Audience().Cut.Add(1)
	s.end(f, fault.DeadlineExceeded.New("the client does not take its feed as it comes"))
}

func (s *shard) end(f *follower, err error) {
	f.group.size--
	s.push.end(f, s.sender, err)
}

func (s *shard) gone(f *follower) {
	f.group.size--
	s.push.gone(f)
}

// endAll ends the feeds of all who are up to date; the others find out for themselves.
func (s *shard) endAll(err error) {
	for _, g := range s.groups.byKey {
		for _, f := range g.members {
			f.Seek(s.lead.Cursor())
			s.end(f, err)
		}
		g.members = nil
	}
}

// close ends all feeds without a word: who reads on hears the end, and comes back to another node.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, g := range s.groups.byKey {
		s.arrived = append(s.arrived, g.members...)
	}
	for _, f := range append(s.arrived, s.behind...) {
		s.push.gone(f)
	}
}

// send lets others run now and then: a pass over ten thousand sockets takes tens of milliseconds.
func (s *shard) send(f *follower, b []byte) (int, error) {
	if s.writes++; s.writes%turn == 0 {
		runtime.Gosched()
	}
	return s.sender.send(f.raw, b)
}
