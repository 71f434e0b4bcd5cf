package wire_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// protoJSON is the mapping the contract names, without the blanks protojson scatters on purpose.
func protoJSON(t rapid.TB, m proto.Message) []byte {
	t.Helper()
	b, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		t.Fatalf("protojson: %v", err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		t.Fatalf("compact: %v", err)
	}
	return out.Bytes()
}

func TestTheCardsJSONIsTheProtoMapping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCard().Draw(t, "card")
		if got, want := c.AppendJSON(nil), protoJSON(t, wire.Room(&c)); !bytes.Equal(got, want) {
			t.Fatalf("the two encoders differ\n fast %s\nproto %s", got, want)
		}
	})
}

func TestTheEventsJSONIsTheProtoMapping(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := genEvent().Draw(t, "event")
		m := wire.Event(&e)
		m.Detail, m.DetailChecksum = nil, "" // the feed shows neither
		want, hidden := bytes.CutSuffix(protoJSON(t, m), []byte(`,"detail":null,"detail_checksum":""}`))
		if got := e.AppendJSON(nil); !hidden || !bytes.Equal(got, append(want, '}')) {
			t.Fatalf("the two encoders differ\n fast %s\nproto %s", got, want)
		}
	})
}

func TestZeroValuesArePresent(t *testing.T) {
	var c view.RoomCard
	want := `{"id":"0","anchor_id":"0","title":"","area_id":"0","cover_url":"","tags":[],"language":"",` +
		`"live":{"status":"IDLE","session_id":"0","epoch":"0","started_at":null},` +
		`"control":{"state":"NORMAL","reason":"","until":null},` +
		`"extension":{"announcement":"","pinned":"","badges":[],"widgets":{}},` +
		`"audience":{"online":"0","peak":"0","likes":"0"},"version":"0","updated_at":null}`
	if got := string(c.AppendJSON(nil)); got != want {
		t.Errorf("card\n got %s\nwant %s", got, want)
	}
	if got := string(protoJSON(t, wire.Room(&c))); got != want {
		t.Errorf("proto mapping\n got %s\nwant %s", got, want)
	}
}

// text draws what people and programs type: any runes, and those that JSON must escape more often.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.RuneFrom([]rune{0, 1, '\b', '\t', '\n', '\v', '\f', '\r', 0x1f, ' ', '"', '\\', '/', '<', '&', 0x7f, 0x80, 0x2028, 0x2029, 0xfffd, 0xffff, 0x10ffff, '房', '🎤'})),
	)
}

// moment draws a time as core keeps it: UTC, whole milliseconds, zero for unset.
func moment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "s"), 0).UTC()
		default:
			return time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "ms")).UTC()
		}
	})
}

func genCard() *rapid.Generator[view.RoomCard] {
	return rapid.Custom(func(t *rapid.T) view.RoomCard {
		return view.RoomCard{
			ID:       ident.RoomID(rapid.Int64Min(1).Draw(t, "id")),
			AnchorID: ident.AnchorID(rapid.Int64().Draw(t, "anchor")),
			Title:    text().Draw(t, "title"),
			AreaID:   ident.AreaID(rapid.Int64().Draw(t, "area")),
			CoverURL: text().Draw(t, "cover"),
			Tags:     rapid.SliceOfN(text(), 0, 4).Draw(t, "tags"),
			Language: text().Draw(t, "language"),
			Live: view.LiveState{
				Status:    rapid.SampledFrom([]view.LiveStatus{view.Idle, view.Live, view.Interrupted}).Draw(t, "status"),
				SessionID: ident.SessionID(rapid.Int64().Draw(t, "session")),
				Epoch:     ident.Epoch(rapid.Int64().Draw(t, "epoch")),
				StartedAt: moment().Draw(t, "started"),
			},
			Control: view.Control{
				State:  rapid.SampledFrom([]view.ControlState{view.Normal, view.Warned, view.Cut, view.Locked, view.Hidden}).Draw(t, "state"),
				Reason: text().Draw(t, "reason"),
				Until:  moment().Draw(t, "until"),
			},
			Extension: view.Extension{
				Announcement: text().Draw(t, "announcement"), Pinned: text().Draw(t, "pinned"),
				Badges:  rapid.SliceOfN(text(), 0, 3).Draw(t, "badges"),
				Widgets: genWidgets().Draw(t, "widgets"),
			},
			Audience: view.Audience{
				Online: rapid.Int64().Draw(t, "online"), Peak: rapid.Int64().Draw(t, "peak"), Likes: rapid.Int64().Draw(t, "likes"),
			},
			Version:   ident.Version(rapid.Int64().Draw(t, "version")),
			UpdatedAt: moment().Draw(t, "updated"),
		}
	})
}

// genWidgets draws widgets as core makes them: ordered by name, each name once, the value canonical.
func genWidgets() *rapid.Generator[[]view.Widget] {
	number := rapid.OneOf(rapid.Float64Range(-view.MaxExact, view.MaxExact), rapid.Float64Range(-1e-5, 1e-5),
		rapid.Map(rapid.Int64Range(-view.MaxExact, view.MaxExact), func(n int64) float64 { return float64(n) }))
	leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Bool().AsAny(), number.AsAny(), text().AsAny())
	inner := rapid.OneOf(leaf, rapid.SliceOfN(leaf, 0, 3).AsAny(), rapid.MapOfN(text(), leaf, 0, 3).AsAny())
	return rapid.Custom(func(t *rapid.T) []view.Widget {
		var out []view.Widget
		for _, name := range []string{"a", "a-b", "b"} {
			if rapid.IntRange(0, 3).Draw(t, name) != 0 {
				continue // most rooms have none
			}
			value, err := view.AppendValue(nil, rapid.MapOfN(text(), inner, 0, 3).Draw(t, "value"), 4)
			if err != nil {
				t.Fatalf("value: %v", err)
			}
			out = append(out, view.Widget{Name: name, Type: text().Draw(t, "type"), Version: ident.Version(rapid.Int64().Draw(t, "at")), Value: string(value)})
		}
		return out
	})
}

func genAreas(depth int) *rapid.Generator[[]view.Area] {
	return rapid.Custom(func(t *rapid.T) []view.Area {
		var out []view.Area
		for range rapid.IntRange(0, 3).Draw(t, "areas") {
			a := view.Area{ID: ident.AreaID(rapid.Int64Min(1).Draw(t, "id")), Name: text().Draw(t, "name")}
			if depth > 0 {
				a.Children = genAreas(depth-1).Draw(t, "children")
			}
			out = append(out, a)
		}
		return out
	})
}

// genEvent draws an event that agrees with itself, as core makes them.
func genEvent() *rapid.Generator[event.RoomEvent] {
	return rapid.Custom(func(t *rapid.T) event.RoomEvent {
		card := genCard().Draw(t, "card")
		e := event.RoomEvent{
			RoomID: card.ID, Version: card.Version, PrevVersion: ident.Version(rapid.Int64().Draw(t, "prev")),
			Epoch: text().Draw(t, "log"), FeedSeq: ident.FeedSeq(rapid.Int64().Draw(t, "seq")),
			Type:    rapid.SampledFrom(event.Registry).Draw(t, "type").Type,
			Changed: rapid.SliceOfN(text(), 0, 3).Draw(t, "changed"),
			Actor:   text().Draw(t, "actor"), Cause: text().Draw(t, "cause"), Reason: text().Draw(t, "why"),
			Traceparent: text().Draw(t, "trace"),
			OccurredAt:  moment().Draw(t, "occurred"), CommittedAt: moment().Draw(t, "committed"), PublishedAt: moment().Draw(t, "published"),
		}
		if rapid.Bool().Draw(t, "tree") {
			e.RoomID, e.Areas = ident.AreaTree, genAreas(2).Draw(t, "areas")
		} else {
			e.Snapshot = card
		}
		e.Checksum = e.Sum()
		if rapid.Bool().Draw(t, "carries") {
			d := genDetail().Draw(t, "detail")
			e.Carry(&d)
		}
		return e
	})
}

func genDetail() *rapid.Generator[view.Detail] {
	seconds := rapid.Map(rapid.Int32Range(0, 1<<30), func(n int32) time.Duration { return time.Duration(n) * time.Second })
	sanction := rapid.Custom(func(t *rapid.T) *view.Sanction {
		return &view.Sanction{Since: moment().Draw(t, "since"), Until: moment().Draw(t, "until"),
			Session: ident.SessionID(rapid.Int64().Draw(t, "session")), Reason: text().Draw(t, "reason")}
	})
	maybe := rapid.OneOf(rapid.Just[*view.Sanction](nil), sanction)
	person := rapid.Custom(func(t *rapid.T) view.Person {
		return view.Person{User: ident.UserID(rapid.Int64().Draw(t, "user")), Role: rapid.SampledFrom([]view.Role{view.Viewer, view.VIP, view.Moderator}).Draw(t, "role"),
			RoleUntil: moment().Draw(t, "role until"), Mute: maybe.Draw(t, "mute"), Ban: maybe.Draw(t, "ban")}
	})
	rules := rapid.Custom(func(t *rapid.T) *view.Rules {
		return &view.Rules{SlowMode: seconds.Draw(t, "slow"), MembersOnly: rapid.Bool().Draw(t, "members"), MinAccountAge: seconds.Draw(t, "age"),
			NoLinks: rapid.Bool().Draw(t, "links"), EmoteOnly: rapid.Bool().Draw(t, "emotes"),
			BlockedTerms: rapid.SliceOfN(text(), 0, 3).Draw(t, "terms"), BlockedExpressions: rapid.SliceOfN(text(), 0, 3).Draw(t, "expressions")}
	})
	minutes := rapid.Map(rapid.Int32Range(0, 1440), func(n int32) time.Duration { return time.Duration(n) * time.Minute })
	plan := rapid.Custom(func(t *rapid.T) view.Plan {
		p := view.Plan{ID: ident.PlanID(rapid.Int64().Draw(t, "plan")), Title: text().Draw(t, "title"), Start: text().Draw(t, "start"), Zone: text().Draw(t, "zone"),
			Length: minutes.Draw(t, "length"), Rule: text().Draw(t, "rule"), Remind: minutes.Draw(t, "remind"),
			ChangedAt: moment().Draw(t, "changed"), Changes: rapid.IntRange(0, 1000).Draw(t, "changes")}
		for range rapid.IntRange(0, 2).Draw(t, "exceptions") {
			p.Exceptions = append(p.Exceptions, view.Exception{Original: text().Draw(t, "original"), Moved: text().Draw(t, "moved")})
		}
		return p
	})
	schedule := rapid.Custom(func(t *rapid.T) *view.Schedule {
		var s view.Schedule
		for range rapid.IntRange(0, 2).Draw(t, "plans") {
			s.Plans = append(s.Plans, plan.Draw(t, "plan"))
			s.Soon = append(s.Soon, view.Occurrence{Plan: ident.PlanID(rapid.Int64().Draw(t, "plan")), Title: text().Draw(t, "title"), Original: text().Draw(t, "original"),
				Start: moment().Draw(t, "start"), End: moment().Draw(t, "end")})
		}
		return &s
	})
	return rapid.Custom(func(t *rapid.T) view.Detail {
		return view.Detail{Schedule: rapid.OneOf(rapid.Just[*view.Schedule](nil), schedule).Draw(t, "schedule"), People: rapid.SliceOfN(person, 0, 3).Draw(t, "people"), Rules: rapid.OneOf(rapid.Just[*view.Rules](nil), rules).Draw(t, "rules")}
	})
}
