package project_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func (s *stage) rebuild() error {
	s.Helper()
	if !s.p.BeginRebuild() {
		s.Fatal("another rebuild runs")
	}
	return s.p.Rebuild(context.Background())
}

// TestRebuildOnline: while the copy is made, readers have the old views and events go into both.
func TestRebuildOnline(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.bring(s.log(1, 2, 3)...))
		during := 0
		set(s.source, &s.source.snapshots, func(page []view.RoomCard) ([]view.RoomCard, error) {
			if during++; during == 1 { // after the first page was read, before it is stored
				if s.p.BeginRebuild() {
					t.Error("two rebuilds at once")
				}
				if g := s.p.Progress(); g.Phase != project.Scanning || g.RoomsTotal != 3 {
					t.Errorf("the progress is %+v", g)
				}
				s.must(s.bring(s.log(1, 4)...))
				if s.version(1) != 2 || s.version(4) != 1 || s.version(2) != 1 {
					t.Error("readers do not have what was applied during the scan")
				}
			}
			return page, nil
		})
		s.must(s.rebuild())
		set(s.source, &s.source.snapshots, nil)
		if during == 0 {
			t.Fatal("nothing was scanned")
		}
		s.converged(t)
		g := s.p.Progress()
		if g.Phase != project.Switched || g.RoomsDone < 3 || g.EventsDone != 5 || g.FinishedAt.IsZero() || g.Error != "" {
			t.Errorf("the progress is %+v", g)
		}
		s.mu.Lock()
		last := s.changes[len(s.changes)-1]
		s.mu.Unlock()
		if !last.Reset || last.Contiguous != 5 {
			t.Errorf("the audience was told %+v, want to look again", last)
		}
		s.must(s.bring(s.log(1)...))
		s.converged(t)
	})
}

// TestRebuildBringsWhatIsMissing: views that lost a card and hold a lie of the same version are right afterwards.
func TestRebuildBringsWhatIsMissing(t *testing.T) {
	onStage(t, func(s *stage) {
		s.log(1, 2)
		lie := view.RoomCard{ID: 1, Version: 1, Title: "a lie"}
		if _, err := s.views.Write(context.Background(), project.Batch{Cards: []view.RoomCard{lie}}); err != nil {
			t.Fatal(err)
		}
		s.quiet()
		s.must(s.rebuild())
		s.converged(t)
	})
}

// TestFailedRebuild: the old views stay, the shadow goes, and the next attempt may begin.
func TestFailedRebuild(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.bring(s.log(1, 2)...))
		away := errors.New("the source is away")
		set(s.source, &s.source.snapshots, func([]view.RoomCard) ([]view.RoomCard, error) { return nil, away })
		if err := s.rebuild(); !errors.Is(err, away) {
			t.Errorf("the rebuild says %v", err)
		}
		set(s.source, &s.source.snapshots, nil)
		if g := s.p.Progress(); g.Phase != project.Failed || !strings.Contains(g.Error, "away") || g.FinishedAt.IsZero() {
			t.Errorf("the progress is %+v", g)
		}
		if err := s.views.Switch(context.Background()); err == nil {
			t.Error("the shadow of a failed rebuild is still there")
		}
		s.must(s.bring(s.log(1)...))
		s.converged(t)
		s.must(s.rebuild())
		s.converged(t)
	})
}

// TestLyingCopy: a copy that is not what B has at the same version never takes the views' place.
func TestLyingCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.store = lyingShadow{s.views}
		defer func() { s.stop() }()
		s.restart()
		s.quiet()
		s.must(s.bring(s.log(1, 2)...))
		if err := s.rebuild(); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("the rebuild says %v", err)
		}
		s.converged(t)
	})
}

// lyingShadow stores another title than it was given.
type lyingShadow struct{ *memory.Views }

func (v lyingShadow) WriteShadow(ctx context.Context, b project.Batch) error {
	for i := range b.Cards {
		if b.Cards[i].ID == 2 {
			b.Cards[i].Title = "a lie"
		}
	}
	return v.Views.WriteShadow(ctx, b)
}

// TestForgetfulCopy: a card that the scan left out is brought before the switch.
func TestForgetfulCopy(t *testing.T) {
	onStage(t, func(s *stage) {
		s.must(s.bring(s.log(1, 2, 3)...))
		first := true
		set(s.source, &s.source.snapshots, func(page []view.RoomCard) ([]view.RoomCard, error) {
			if first && len(page) == 3 {
				first = false
				page = []view.RoomCard{page[0], page[2]}
			}
			return page, nil
		})
		s.must(s.rebuild())
		set(s.source, &s.source.snapshots, nil)
		if first {
			t.Fatal("nothing was scanned")
		}
		s.converged(t)
	})
}
