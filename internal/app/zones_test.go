package app

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	opsv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ops/v1"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
)

// fakeZone says how it stands when all zones have been asked.
type fakeZone struct {
	commandapi.Ops
	name  string
	asked *sync.WaitGroup
}

func (z *fakeZone) Standing(context.Context) *opsv1.ViewerZone {
	z.asked.Done()
	z.asked.Wait()
	return &opsv1.ViewerZone{Name: z.name}
}

func (z *fakeZone) Drain(_ context.Context, drained bool, _ string) (*opsv1.ViewerZone, error) {
	return &opsv1.ViewerZone{Name: z.name, Drained: drained}, nil
}

func TestZonesAreAskedTogetherAndListedHomeFirst(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(3)
	z := zones{home: "m", byName: map[string]zone{}}
	for _, name := range []string{"z", "a", "m"} {
		z.byName[name] = &fakeZone{name: name, asked: &asked}
	}
	var names []string
	for _, s := range z.List(t.Context()) {
		names = append(names, s.GetName())
		if s.GetHome() != (s.GetName() == "m") {
			t.Errorf("%s is home: %t", s.GetName(), s.GetHome())
		}
	}
	if !slices.Equal(names, []string{"m", "a", "z"}) {
		t.Errorf("got %v", names)
	}
}

func TestAZoneIsFoundByItsName(t *testing.T) {
	home, b := &fakeZone{name: "home"}, &fakeZone{name: "b"}
	z := zones{home: "home", byName: map[string]zone{"home": home, "b": b}}
	for name, want := range map[string]commandapi.Ops{"": home, "home": home, "b": b} {
		if got, err := z.Ops(name); err != nil || got != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := z.Ops("c"); !errors.Is(err, fault.ZoneNotFound) {
		t.Errorf("got %v", err)
	}
	if s, err := z.Drain(t.Context(), "home", true, ""); err != nil || !s.GetHome() || !s.GetDrained() {
		t.Errorf("got %v, %v", s, err)
	}
	if _, err := z.Drain(t.Context(), "c", true, ""); !errors.Is(err, fault.ZoneNotFound) {
		t.Errorf("got %v", err)
	}
}
