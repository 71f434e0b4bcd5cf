package room_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

func TestCreate(t *testing.T) {
	cases := map[string]struct {
		anchor ident.AnchorID
		d      room.Description
		field  string
	}{
		"as simple as can be":     {7, room.Description{Title: "x"}, ""},
		"full":                    {7, room.Description{Title: strings.Repeat("ж", room.MaxTitle), Tags: []string{"a", "b"}, CoverURL: "https://c/x.jpg", Language: "en"}, ""},
		"no owner":                {0, room.Description{Title: "x"}, "anchor_id"},
		"no title":                {7, room.Description{Title: "  "}, "title"},
		"a title too long":        {7, room.Description{Title: strings.Repeat("ж", room.MaxTitle+1)}, "title"},
		"a title of two lines":    {7, room.Description{Title: "a\nb"}, "title"},
		"broken UTF-8":            {7, room.Description{Title: "\xff"}, "title"},
		"a negative area":         {7, room.Description{Title: "x", Area: -1}, "area_id"},
		"a script as cover":       {7, room.Description{Title: "x", CoverURL: "javascript:alert(1)"}, "cover_url"},
		"a cover without a host":  {7, room.Description{Title: "x", CoverURL: "https:///x"}, "cover_url"},
		"a tag twice":             {7, room.Description{Title: "x", Tags: []string{"a", "a"}}, "tags"},
		"an empty tag":            {7, room.Description{Title: "x", Tags: []string{" "}}, "tags"},
		"too many tags":           {7, room.Description{Title: "x", Tags: slices.Repeat([]string{"a"}, room.MaxTags+1)}, "tags"},
		"a policy nobody knows":   {7, room.Description{Title: "x", Policy: 9}, "publisher_policy"},
		"a language too long":     {7, room.Description{Title: "x", Language: strings.Repeat("e", room.MaxLanguage+1)}, "language"},
		"a tag that is too long":  {7, room.Description{Title: "x", Tags: []string{strings.Repeat("t", room.MaxTag+1)}}, "tags"},
		"a cover that is no link": {7, room.Description{Title: "x", CoverURL: "://"}, "cover_url"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := room.Create(room.By{Now: start}, 42, c.anchor, c.d)
			if c.field != "" {
				if !errors.Is(err, fault.InvalidArgument) || fault.Of(err).Details["field"] != c.field {
					t.Fatalf("fault %v, want INVALID_ARGUMENT of %s", err, c.field)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			mustTellOneStory(t, 0, r)
			card := r.Card()
			if r.Version != 1 || r.Events()[0].Type != event.RoomCreated || card.OnAir() {
				t.Fatalf("created as %+v", card)
			}
		})
	}
}

func TestEdit(t *testing.T) {
	title, same, tags, area, takeOver := "Evening show", "Morning show", []string{"chat"}, ident.AreaID(3), room.TakeOver
	cases := []struct {
		name    string
		patch   room.Patch
		events  []event.Type
		changed []string
	}{
		{"nothing", room.Patch{}, nil, nil},
		{"the same title", room.Patch{Title: &same}, nil, nil},
		{"another title", room.Patch{Title: &title}, []event.Type{event.RoomRenamed}, []string{"title"}},
		{"title and tags", room.Patch{Title: &title, Tags: &tags}, []event.Type{event.RoomRenamed}, []string{"title", "tags"}},
		{"tags and area", room.Patch{Tags: &tags, Area: &area}, []event.Type{event.RoomEdited}, []string{"area_id", "tags"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPlay(t, room.Reject)
			if err := p.r.Edit(p.by(), c.patch); err != nil {
				t.Fatal(err)
			}
			mustTellOneStory(t, 1, p.r)
			if len(p.r.Events()) != len(c.events) {
				t.Fatalf("events %v, want %v", p.r.Events(), c.events)
			}
			for i, e := range p.r.Events() {
				if e.Type != c.events[i] || !slices.Equal(e.Changed, c.changed) {
					t.Fatalf("%s changed %v, want %s of %v", e.Type, e.Changed, c.events[i], c.changed)
				}
			}
		})
	}
	t.Run("the policy, which viewers do not see, still moves the version", func(t *testing.T) {
		p := newPlay(t, room.Reject)
		if err := p.r.Edit(p.by(), room.Patch{Policy: &takeOver}); err != nil || p.r.Policy != room.TakeOver || p.r.Version != 2 {
			t.Fatalf("version %d, policy %v: %v", p.r.Version, p.r.Policy, err)
		}
	})
}

func TestARefusedEditChangesNothing(t *testing.T) {
	p := newPlay(t, room.Reject)
	good, bad := "Evening show", "ftp://x"
	before := p.r.Card()
	if err := p.r.Edit(p.by(), room.Patch{Title: &good, CoverURL: &bad}); !errors.Is(err, fault.InvalidArgument) {
		t.Fatalf("fault %v", err)
	}
	after := p.r.Card()
	if after.Checksum() != before.Checksum() || len(p.r.Events()) != 0 {
		t.Fatalf("a refused edit left %+v", after)
	}
}

func TestARaceIsSeen(t *testing.T) {
	p := newPlay(t, room.Reject)
	if err := p.r.MustBeAt(1); err != nil {
		t.Fatal(err)
	}
	if err := p.r.MustBeAt(7); !errors.Is(err, fault.VersionConflict) || fault.Of(err).Details["version"] != "1" {
		t.Fatalf("fault %v with %v", err, fault.Of(err).Details)
	}
}

func TestTheTagsOfACardAreItsOwn(t *testing.T) {
	tags := []string{"chat"}
	r, err := room.Create(room.By{Now: start}, 42, 7, room.Description{Title: "x", Tags: tags})
	if err != nil {
		t.Fatal(err)
	}
	tags[0] = "changed"
	card := r.Card()
	card.Tags[0] = "changed too"
	if r.Tags[0] != "chat" || r.Events()[0].Snapshot.Tags[0] != "chat" {
		t.Fatalf("tags are shared: room %v, event %v", r.Tags, r.Events()[0].Snapshot.Tags)
	}
}
