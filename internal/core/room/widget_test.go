package room_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

func widgetType(t *testing.T, name string) *room.WidgetType {
	t.Helper()
	of, err := room.NewWidgetType(name)
	if err != nil {
		t.Fatal(err)
	}
	of.Put(at(start), "{}")
	return of
}

func TestAWidgetHangsUnderItsNameAndMovesByVersion(t *testing.T) {
	r, poll := newRoom(t), widgetType(t, "poll")
	put := func(text string, expected ident.Version) error {
		return r.PutWidget(at(start), "vote", poll, map[string]any{"b": text, "a": math.Copysign(0, -1)}, expected)
	}
	if err := errors.Join(put("x", 0), put("x", 0), put("y", r.Version)); err != nil {
		t.Fatal(err)
	}
	w := r.Card().Extension.Widgets
	if len(w) != 1 || w[0].Value != `{"a":0,"b":"y"}` || w[0].Version != r.Version {
		t.Errorf("hangs: %+v", w)
	}
	if err := put("z", 1); !errors.Is(err, fault.VersionConflict) {
		t.Errorf("over another version: %v", err)
	}
	if err := r.RemoveWidget(at(start), "vote", 1); !errors.Is(err, fault.VersionConflict) {
		t.Errorf("removed over another version: %v", err)
	}
	if err := errors.Join(r.RemoveWidget(at(start), "vote", 0), r.RemoveWidget(at(start), "vote", 0)); err != nil || !r.Extension.Empty() {
		t.Errorf("removed: %v, left %+v", err, r.Extension)
	}
	changed := 0
	for _, e := range r.Events() {
		if e.Type == event.WidgetsChanged {
			changed++
			if !slices.Equal(e.Changed, []string{"extension.widgets"}) {
				t.Errorf("changed: %v", e.Changed)
			}
		}
	}
	if changed != 3 {
		t.Errorf("%d events, want 3: two values and a removal", changed)
	}
}

func TestAWidgetIsBounded(t *testing.T) {
	deep := map[string]any{}
	for range room.MaxWidgetDepth {
		deep = map[string]any{"d~/": deep}
	}
	poll := widgetType(t, "poll")
	for field, value := range map[string]map[string]any{
		"value":     {"a": strings.Repeat("x", room.MaxWidgetValue)},
		"value/n/1": {"n": []any{1.0, 1e16}},
		"value" + strings.Repeat("/d~0~1", room.MaxWidgetDepth): deep,
	} {
		r := newRoom(t)
		err := r.PutWidget(at(start), "vote", poll, value, 0)
		if !errors.Is(err, fault.InvalidArgument) || fault.Of(err).Details["field"] != field || !r.Extension.Empty() {
			t.Errorf("want a fault at %s: %v", field, err)
		}
	}
	r := newRoom(t)
	for i := range room.MaxWidgets {
		if err := r.PutWidget(at(start), fmt.Sprint("w", i), poll, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.PutWidget(at(start), "more", poll, nil, 0); !errors.Is(err, fault.WidgetLimit) {
		t.Errorf("one more: %v", err)
	}
	if err := r.PutWidget(at(start), "No", poll, nil, 0); !errors.Is(err, fault.InvalidArgument) {
		t.Errorf("a bad name: %v", err)
	}
	fat := map[string]any{"a": strings.Repeat("x", room.MaxWidgetValue-8)}
	var err error
	for i := 0; err == nil && i < room.MaxWidgets; i++ {
		err = r.PutWidget(at(start), fmt.Sprint("w", i), poll, fat, 0)
	}
	if !errors.Is(err, fault.WidgetLimit) {
		t.Errorf("more bytes than a room may have: %v", err)
	}
}

func TestARetiredTypeTakesNoNewValue(t *testing.T) {
	r, poll := newRoom(t), widgetType(t, "poll")
	poll.Retire(at(start))
	poll.Retire(at(start))
	if err := r.PutWidget(at(start), "vote", poll, nil, 0); !errors.Is(err, fault.WidgetTypeRetired) {
		t.Errorf("retired: %v", err)
	}
	poll.Put(at(start), "{}")
	if err := r.PutWidget(at(start), "vote", poll, nil, 0); err != nil || poll.Version != 3 {
		t.Errorf("in use again: %v, version %s", err, poll.Version)
	}
}
