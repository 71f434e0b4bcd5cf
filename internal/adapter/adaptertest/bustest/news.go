package bustest

import (
	"context"
	"testing"

	"github.com/greenroomlive/greenroom/internal/flow/follow"
)

// RunNews runs the contract of follow.News. open makes a bus that ends with the test, and returns what makes one more
// node of the zone on it.
func RunNews(t *testing.T, open func(t *testing.T) (node func() follow.News)) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, func() follow.News)
	}{
		{"all who listen hear a word", newsHeardByAll},
		{"who has stopped hears no more", newsStopped},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// HearNews is who listens until stop.
func HearNews(t *testing.T, n follow.News) (words <-chan struct{}, stop func()) {
	t.Helper()
	heard, done := make(chan struct{}, 4096), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- n.Hear(ctx, func() { heard <- struct{}{} }) }()
	return heard, func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("listening ended with %v", err)
		}
	}
}

// TellUntil tells until the ear hears, and returns how often. Nobody knows when an ear is open.
func TellUntil(t *testing.T, n follow.News, heard <-chan struct{}) (told int) {
	t.Helper()
	eventually(t, "a word", func(context.Context) bool {
		n.Tell()
		told++
		select {
		case <-heard:
			return true
		default:
			return false
		}
	})
	return told
}

func newsHeardByAll(t *testing.T, node func() follow.News) {
	one, stopOne := HearNews(t, node())
	defer stopOne()
	two, stopTwo := HearNews(t, node())
	defer stopTwo()
	teller := node()
	TellUntil(t, teller, one)
	TellUntil(t, teller, two)
}

func newsStopped(t *testing.T, node func() follow.News) {
	teller := node()
	gone, stop := HearNews(t, node())
	TellUntil(t, teller, gone)
	stop()
	for len(gone) > 0 {
		<-gone
	}
	stays, stopIt := HearNews(t, node())
	defer stopIt()
	TellUntil(t, teller, stays)
	if len(gone) > 0 {
		t.Error("a word was heard after the end")
	}
}
