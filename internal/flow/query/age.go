package query

import "time"

// Look is one look at the clock and at what is proven: all ages in one answer come from it. Take it
// before looking rooms up. A change that comes between the two makes a room seem older than it is;
// the other way round, a room that the change has just replaced would pass for proven.
type Look struct {
	// At is the moment of the look.
	At time.Time

	proven    time.Time
	freshness Freshness
}

// Look takes the look for one answer.
func (r *Rooms) Look() Look {
	return Look{At: r.now(), proven: r.freshness.ProvenAt(), freshness: r.freshness}
}

// Age is how long ago e was last known to be the newest: when the views were last proven
// complete, or when e's own change happened. Never negative.
func (l *Look) Age(e *Entry) time.Duration { return max(l.At.Sub(l.newest(e)), 0) }

// Oldest is the age of the least fresh of rooms, 0 when there are none.
func (l *Look) Oldest(rooms []*Entry) time.Duration {
	oldest := l.At
	for _, e := range rooms {
		if at := l.newest(e); at.Before(oldest) {
			oldest = at
		}
	}
	return l.At.Sub(oldest)
}

// newest is the last moment at which e is known to have been the newest.
func (l *Look) newest(e *Entry) time.Time {
	proven := l.proven
	if since, parked := l.freshness.Held(e.ID); parked && since.Before(proven) {
		proven = since
	}
	if e.At.After(proven) {
		return e.At
	}
	return proven
}

// Stale reports whether an age is beyond what viewers are promised.
func Stale(age time.Duration) bool { return age > StaleAfter }
