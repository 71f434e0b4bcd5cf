package natsbus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// A mirror is given up for what cannot pass by itself.
func TestAMirrorIsJudged(t *testing.T) {
	type look struct {
		after time.Duration
		comparison
		want error
	}
	at := func(after time.Duration, last, home uint64, want error) look {
		return look{after, comparison{last: last, home: home}, want}
	}
	differs := look{0, comparison{last: 5, home: 9, differs: true}, errStrayed}
	for name, looks := range map[string][]look{
		"a copy, idle for long":            {at(0, 5, 5, nil), at(time.Hour, 5, 5, nil), at(2*time.Hour, 5, 7, nil)},
		"another message at its end":       {differs},
		"behind, and moving":               {at(0, 5, 9, nil), at(stuckAfter, 6, 99, nil), at(2*stuckAfter, 7, 999, nil)},
		"behind, and not moving":           {at(0, 5, 9, nil), at(stuckAfter-1, 5, 10, nil), at(stuckAfter, 5, 11, errStuck)},
		"empty, and not moving":            {at(0, 0, 9, nil), at(stuckAfter, 0, 9, errStuck)},
		"ahead of a leader that is new":    {at(0, 5, 4, nil), at(compareEvery, 5, 5, nil), at(stuckAfter, 5, 6, nil)},
		"ahead for good":                   {at(0, 5, 4, nil), at(stuckAfter, 5, 4, errStrayed)},
		"nothing was published":            {at(0, 0, 0, nil), at(time.Hour, 0, 0, nil)},
		"behind only since the last look":  {at(0, 5, 5, nil), at(stuckAfter, 5, 6, nil)},
		"caught up once, and behind again": {at(0, 5, 9, nil), at(stuckAfter-1, 9, 9, nil), at(stuckAfter, 9, 12, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			var w watched
			start := time.Unix(1_790_000_000, 0)
			for i, l := range looks {
				if err := w.judge(l.comparison, start.Add(l.after)); !errors.Is(err, l.want) {
					t.Errorf("look %d: %v, want %v", i+1, err, l.want)
				}
			}
		})
	}
}

// A mirror that leaves out some of the log is made anew once for each place; what is missing then, home has lost as well.
func TestAMirrorLeavesNothingOut(t *testing.T) {
	mirrored := &consumption{Bus: &Bus{home: struct{ jetstream.JetStream }{}}}
	for i, page := range []struct {
		epoch string
		seqs  []ident.FeedSeq
		want  error
	}{
		{"e", []ident.FeedSeq{7, 8}, nil}, // where this process began
		{"e", []ident.FeedSeq{9}, nil},
		{"e", []ident.FeedSeq{12, 13}, errStrayed},
		{"e", []ident.FeedSeq{1, 2, 3}, nil}, // the new mirror begins before
		{"e", []ident.FeedSeq{12, 13}, nil},  // home has no more
		{"e", []ident.FeedSeq{14, 0, 15}, nil},
		{"e", []ident.FeedSeq{17}, errStrayed},
		{"e", []ident.FeedSeq{16, 17}, nil},
		{"another log", []ident.FeedSeq{5}, nil},
		{"another log", []ident.FeedSeq{7}, errStrayed},
	} {
		b := batch{consumption: mirrored}
		b.clear()
		var list []project.Delivery
		for _, seq := range page.seqs {
			list = append(list, project.Delivery{Event: event.RoomEvent{Epoch: page.epoch, FeedSeq: seq}})
		}
		err := b.follows(list)
		if !errors.Is(err, page.want) {
			t.Errorf("page %d: %v, want %v", i+1, err, page.want)
		}
		if err == nil {
			mirrored.reached = b.end // it was taken
		}
	}
	home := batch{consumption: &consumption{Bus: &Bus{}}, end: place{"e", 9}}
	if err := home.follows([]project.Delivery{{Event: event.RoomEvent{Epoch: "e", FeedSeq: 12}}}); err != nil {
		t.Errorf("home, which is no copy of anything: %v", err)
	}
}
