package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// pointKey is a session's minute.
type pointKey struct {
	session ident.SessionID
	minute  int64
}

// Record is chart.Store.
func (v *Views) Record(_ context.Context, points []view.Count) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range points {
		key := pointKey{p.Session, p.AsOf.Unix() / 60}
		if _, there := v.points[key]; !there {
			p.AsOf = p.AsOf.UTC()
			v.points[key] = p
		}
	}
	return nil
}

// Points is query.History.
func (v *Views) Points(_ context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) (out []view.Count, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range v.points {
		if p.Room == room && p.Session == session && !p.AsOf.Before(from) && p.AsOf.Before(to) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b view.Count) int { return cmp.Compare(a.AsOf.Unix(), b.AsOf.Unix()) })
	return out[:min(len(out), limit)], nil
}

// ForgetPoints is chart.Store.
func (v *Views) ForgetPoints(_ context.Context, keep time.Time) (more bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, p := range v.points {
		if p.AsOf.Before(keep) {
			delete(v.points, key)
		}
	}
	return false, nil
}
