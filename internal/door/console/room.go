package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	lastEvents   = 12
	lastSessions = 8
)

// roomView is the room page.
type roomView struct {
	Card cardView
	// Extension is what hangs in the room, as viewers see it.
	Extension view.Extension
	Control   controlView
	Schedule  scheduleView
	People    peopleView
	Rules     rulesView
	Policy    room.PublisherPolicy
	// May is true when the signed-in caller may act on the room; Signed when somebody is signed in.
	Signed, May bool
	Ladder      ladderView
	// Trouble is why the ladder or the events could not be read; the rest of the page still stands.
	Trouble   string
	Events    []event.RoomEvent
	Sessions  []sessionView
	Audience  audienceView
	Keys      []keyView
	Playlist  string
	IngestURL string
}

// sessionView is a broadcast in the history.
type sessionView struct {
	ID      ident.SessionID
	Epoch   ident.Epoch
	Status  view.LiveStatus
	Began   time.Time
	Ended   time.Time
	Lasted  string // empty while it runs
	Reason  string
	Source  string
	Address string // for those who may act on the room
}

// keyView is a stream key in the list.
type keyView struct {
	ID      ident.KeyID
	Label   string
	Created time.Time
	State   string // "active", "retiring", "expired", "revoked"
	Until   time.Time
}

// Usable keys can be rotated and revoked.
func (k keyView) Usable() bool { return k.State == "active" || k.State == "retiring" }

// Stream is where the page's updates come from. A broadcast that was chosen stays; else the newest is shown.
func (v *roomView) Stream() string {
	path := "/console/rooms/" + v.Card.ID.String()
	if len(v.Sessions) > 0 && v.Audience.Session.ID != v.Sessions[0].ID {
		path += "?session=" + v.Audience.Session.ID.String()
	}
	return path
}

func (c *Console) room(w http.ResponseWriter, r *http.Request) error {
	id, err := roomID(r)
	if err != nil {
		return err
	}
	v, err := c.roomView(r, id)
	if err != nil {
		return err
	}
	v.Audience = c.audience(r.Context(), id, shown(r, v.Sessions), v.Sessions)
	if v.May {
		if v.Keys, err = c.keys(r, id); err != nil {
			return err
		}
	}
	return c.write(w, r, http.StatusOK, "room", v.Card.Title, v)
}

func roomID(r *http.Request) (ident.RoomID, error) {
	id, ok := ident.ParseRoomID(r.PathValue("id"))
	if !ok {
		return 0, fault.RoomNotFound.New("there is no room %.40q", r.PathValue("id"))
	}
	return id, nil
}

// roomView reads everything that changes by itself. The room comes from the B side: who has
// just changed it sees the change.
func (c *Console) roomView(r *http.Request, id ident.RoomID) (*roomView, error) {
	ctx := r.Context()
	rm, err := c.Commands.GetRoom(ctx, c.reading(), id)
	if err != nil {
		return nil, err
	}
	names, err := c.areaNames(ctx)
	if err != nil {
		return nil, err
	}
	card := rm.Card()
	v := &roomView{Card: newCard(card, names), Extension: card.Extension, Policy: rm.Policy, Playlist: c.playlist(id.String()), IngestURL: c.IngestURL}
	if v.May, v.Signed, err = c.mayAct(r, id); err != nil {
		return nil, err
	}
	if v.Control, err = c.control(r, card); err != nil {
		return nil, err
	}
	if v.Schedule, err = c.schedule(r, id); err != nil {
		return nil, err
	}
	if v.People, err = c.people(r, id, room.Everybody, 0, fewPeople); err != nil {
		return nil, err
	}
	if v.Rules, err = c.rules(r, id); err != nil {
		return nil, err
	}
	// The viewers' side may be what is broken: then the room can still be run from here.
	if trace, err := c.Desk.TraceRoom(ctx, id, 1); err != nil {
		v.Trouble = fault.Of(err).Message
	} else {
		v.Ladder = newLadder(trace)
	}
	if v.Events, err = c.Board.Events(ctx, id, lastEvents); err != nil {
		v.Trouble = fault.Of(err).Message
	}
	v.Sessions, err = c.history(ctx, id, v.May)
	return v, err
}

// mayAct asks the commands, not our idea of their rules: a caller who may read the room from the
// B side may act on it.
func (c *Console) mayAct(r *http.Request, id ident.RoomID) (may, signed bool, err error) {
	caller, signed := c.caller(r)
	if !signed {
		return false, false, nil
	}
	_, err = c.Commands.GetRoom(r.Context(), command.Meta{Caller: caller}, id)
	if errors.Is(err, fault.PermissionDenied) {
		return false, true, nil
	}
	return err == nil, true, err
}

func (c *Console) history(ctx context.Context, id ident.RoomID, may bool) ([]sessionView, error) {
	list, err := c.Commands.ListSessions(ctx, c.reading(), id, 0, lastSessions)
	if err != nil {
		return nil, err
	}
	var out []sessionView
	for _, s := range list {
		v := sessionView{ID: s.ID, Epoch: s.Epoch, Status: s.Status, Began: s.StartedAt, Ended: s.EndedAt, Source: s.Publisher.MediaServer}
		if !s.EndedAt.IsZero() {
			v.Lasted, v.Reason = lasted(s.EndedAt.Sub(s.StartedAt)), s.EndReason.String()
		}
		if may {
			v.Address = s.Publisher.ClientIP
		}
		out = append(out, v)
	}
	return out, nil
}

// keys lists the usable keys first and keeps a few of the others, to be seen once more.
func (c *Console) keys(r *http.Request, id ident.RoomID) ([]keyView, error) {
	caller, _ := c.caller(r)
	list, err := c.Commands.ListKeys(r.Context(), command.Meta{Caller: caller}, id)
	if err != nil {
		return nil, err
	}
	now := c.Clock()
	var usable, spent []keyView
	for _, k := range list {
		v := keyView{ID: k.ID, Label: k.Label, Created: k.CreatedAt, State: "active", Until: k.ExpiresAt}
		switch {
		case !k.RevokedAt.IsZero():
			v.State, v.Until = "revoked", k.RevokedAt
		case !k.Usable(now):
			v.State = "expired"
		case !k.ExpiresAt.IsZero():
			v.State = "retiring"
		}
		if v.Usable() {
			usable = append(usable, v)
		} else if len(spent) < 3 {
			spent = append(spent, v)
		}
	}
	return append(usable, spent...), nil
}

// roomStream keeps a room page up to date.
func (c *Console) roomStream(w http.ResponseWriter, r *http.Request) error {
	id, err := roomID(r)
	if err != nil {
		return err
	}
	last := view.Idle
	first := true
	charts := charting{console: c}
	return c.follow(w, r, func(s *stream) error {
		v, err := c.roomView(r, id)
		if err != nil {
			return err
		}
		v.Audience = charts.audience(r.Context(), id, shown(r, v.Sessions), v.Sessions)
		if err := c.putParts(s, v, "room-head", "room-live", "audience-picker", "audience-now", "audience-minutes", "control", "people", "rules", "schedule", "ladder", "events", "history"); err != nil {
			return err
		}
		if !first && v.Card.Status != last {
			s.say("announce", []byte(escape(v.Card.Title+" is now "+statusWord(v.Card.Status)+".")))
		}
		last, first = v.Card.Status, false
		return c.putFresh(s)
	})
}

func statusWord(s view.LiveStatus) string {
	return [...]string{"idle", "live", "interrupted"}[s]
}
