package limit

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"time"
)

const (
	// rows times ways is how many clients are known at a time, in 1.2 MB.
	rows = 8192
	ways = 8
)

// Limiter keeps a token bucket for each client.
type Limiter struct {
	burst int
	every time.Duration // a token takes to come back
	seed  maphash.Seed
	rows  []row
}

// row is the buckets of the clients that hash to it; the zero bucket is free, and full.
type row struct {
	sync.Mutex
	client [ways]uint64
	full   [ways]time.Duration // when, by the caller's clock
}

// Verdict is the answer to one request.
type Verdict struct {
	OK bool
	// Remaining is how many more requests would be granted now.
	Remaining int
	// Reset is the time until all are, RetryAfter until the next one; 0 for one that was granted.
	Reset, RetryAfter time.Duration
}

// New makes a limiter that grants each client perSecond requests, and burst at once.
func New(perSecond float64, burst int) *Limiter {
	return &Limiter{
		burst: max(burst, 1), every: time.Duration(float64(time.Second) / perSecond),
		seed: maphash.MakeSeed(), rows: make([]row, rows),
	}
}

// Burst is how many requests a client may make at once.
func (l *Limiter) Burst() int { return l.burst }

// Window is how long it takes to get all of them back.
func (l *Limiter) Window() time.Duration { return time.Duration(l.burst) * l.every }

// Take asks for one request of a client. now is a monotonic clock that began before the first call.
func (l *Limiter) Take(client netip.Addr, now time.Duration) Verdict {
	bytes := client.As16()
	hash := max(maphash.Bytes(l.seed, bytes[:]), 1) // 0 marks a free way
	r := &l.rows[hash%rows]
	r.Lock()
	defer r.Unlock()
	i := r.way(hash)
	if r.client[i] != hash {
		r.client[i], r.full[i] = hash, now
	}
	full := max(r.full[i], now) + l.every
	if late := full - now - l.Window(); late > 0 {
		return Verdict{Reset: full - l.every - now, RetryAfter: late}
	}
	r.full[i] = full
	return Verdict{OK: true, Remaining: int((l.Window() - (full - now)) / l.every), Reset: full - now}
}

// way is where the client's bucket is, or the one that is full first.
func (r *row) way(hash uint64) int {
	first, soonest := 0, time.Duration(math.MaxInt64)
	for i, c := range r.client {
		if c == hash {
			return i
		}
		if r.full[i] < soonest {
			first, soonest = i, r.full[i]
		}
	}
	return first
}
