package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

const (
	// boardCount is how far the board counts rooms on air, a page of the viewers' live list; beyond
	// it the counters say "200+".
	boardCount = 200
	// boardCards is how many of them are drawn: more is no longer seen at a glance.
	boardCards = 120
	listRooms  = 20
)

// boardView is the board page.
type boardView struct {
	OnAir    []cardView
	Live     int
	Waiting  int // interrupted
	Rooms    int64
	Overflow bool // more rooms are on air than were counted
	List     []cardView
	// Before is the page of the list that is shown, Older the next one; 0 for the first and for none.
	Before, Older ident.RoomID
	IngestURL     string
}

// Stream is where the page's updates come from: for the page of the list that is shown.
func (v boardView) Stream() string {
	if v.Before == 0 {
		return "/console/board"
	}
	return "/console/board?before=" + v.Before.String()
}

// cardView is a room on the board.
type cardView struct {
	ID       ident.RoomID
	Title    string
	Anchor   ident.AnchorID
	Area     string
	CoverURL string
	Tags     []string
	Language string
	Status   view.LiveStatus
	Since    time.Time
	Updated  time.Time
	Version  ident.Version
}

// Hue picks one of the twelve placeholder colours; a room keeps its own.
func (c cardView) Hue() int { return int(uint64(c.ID) * 0x9E3779B97F4A7C15 >> 32 % 12) }

func newCard(c view.RoomCard, areas map[ident.AreaID]string) cardView {
	out := cardView{
		ID: c.ID, Title: c.Title, Anchor: c.AnchorID, Area: areas[c.AreaID], Tags: c.Tags, Language: c.Language,
		Status: c.Live.Status, Since: c.Live.StartedAt, Updated: c.UpdatedAt, Version: c.Version,
	}
	// The commands take http and https only; what a page loads does not depend on that.
	if strings.HasPrefix(c.CoverURL, "https://") || strings.HasPrefix(c.CoverURL, "http://") {
		out.CoverURL = c.CoverURL
	}
	return out
}

func (c *Console) board(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Query().Has("token") {
		return c.signInByLink(w, r)
	}
	before, err := pageOf(r)
	if err != nil {
		return err
	}
	names, err := c.areaNames(r.Context())
	if err != nil {
		return err
	}
	v, err := c.boardView(r.Context(), before, names)
	if err != nil {
		return err
	}
	return c.write(w, r, http.StatusOK, "board", "Live board", v)
}

// pageOf reads which page of the room list is asked for.
func pageOf(r *http.Request) (ident.RoomID, error) {
	text := r.URL.Query().Get("before")
	before, ok := ident.ParseRoomID(text)
	if text != "" && !ok {
		return 0, fault.InvalidArgument.New("before: not a room id").With("field", "before")
	}
	return before, nil
}

func (c *Console) boardView(ctx context.Context, before ident.RoomID, areas map[ident.AreaID]string) (boardView, error) {
	v := boardView{Before: before, IngestURL: c.IngestURL}
	live, err := c.Board.Live(ctx, boardCount)
	if err != nil {
		return v, err
	}
	v.Overflow = len(live) >= boardCount
	for _, card := range live {
		if card.Live.Status == view.Interrupted {
			v.Waiting++
		} else {
			v.Live++
		}
		if len(v.OnAir) < boardCards {
			v.OnAir = append(v.OnAir, newCard(card, areas))
		}
	}
	if v.Rooms, err = c.Board.RoomCount(ctx); err != nil {
		return v, err
	}
	list, err := c.Board.Rooms(ctx, before, listRooms+1)
	if err != nil {
		return v, err
	}
	if len(list) > listRooms {
		list = list[:listRooms]
		v.Older = list[listRooms-1].ID
	}
	for _, card := range list {
		v.List = append(v.List, newCard(card, areas))
	}
	return v, nil
}

// boardStream keeps the parts of the board page up to date and says aloud who came and went.
func (c *Console) boardStream(w http.ResponseWriter, r *http.Request) error {
	before, err := pageOf(r)
	if err != nil {
		return err
	}
	var last map[ident.RoomID]cardView
	var names map[ident.AreaID]string
	var namedAt time.Time
	return c.follow(w, r, func(s *stream) error {
		ctx := r.Context()
		// Areas come from the write store and change rarely: a storm of events must not ask it each time.
		if now := c.Clock(); names == nil || now.Sub(namedAt) >= 10*beat {
			if names, err = c.areaNames(ctx); err != nil {
				return err
			}
			namedAt = now
		}
		v, err := c.boardView(ctx, before, names)
		if err != nil {
			return err
		}
		if err := c.putParts(s, v, "counters", "on-air", "room-list"); err != nil {
			return err
		}
		now := byID(v.OnAir)
		if news := announcement(last, now, v.OnAir); last != nil && news != "" {
			s.say("announce", []byte(escape(news)))
		}
		last = now
		return c.putFresh(s)
	})
}

// putParts renders the named templates and queues those that changed.
func (c *Console) putParts(s *stream, data any, names ...string) error {
	for _, name := range names {
		html, err := c.pages.render(name, data)
		if err != nil {
			return err
		}
		s.put(name, html)
	}
	return nil
}

func (c *Console) putFresh(s *stream) error { return c.putParts(s, c.fresh(), "freshness") }

func byID(cards []cardView) map[ident.RoomID]cardView {
	out := make(map[ident.RoomID]cardView, len(cards))
	for _, card := range cards {
		out[card.ID] = card
	}
	return out
}

// announcement says what changed on the board, for people who hear it rather than see it. More
// than three changes at once are counted: nobody listens to a list.
func announcement(last, now map[ident.RoomID]cardView, order []cardView) string {
	var news []string
	for _, card := range order {
		old, known := last[card.ID]
		switch {
		case known && old.Status == card.Status:
		case card.Status == view.Interrupted:
			news = append(news, card.Title+" is interrupted.")
		case known:
			news = append(news, card.Title+" is live again.")
		default:
			news = append(news, card.Title+" is live.")
		}
	}
	for id, card := range last {
		if _, still := now[id]; !still {
			news = append(news, card.Title+" has ended.")
		}
	}
	if len(news) > 3 {
		return plural(len(news), "room", "rooms") + " changed on the board."
	}
	return strings.Join(news, " ")
}

func (c *Console) areaNames(ctx context.Context) (map[ident.AreaID]string, error) {
	tree, err := c.Commands.Areas(ctx)
	if err != nil {
		return nil, err
	}
	names := map[ident.AreaID]string{}
	for _, choice := range choices(tree, "", nil) {
		names[choice.ID] = choice.Name
	}
	return names, nil
}

// areaChoice is an area as a form offers it.
type areaChoice struct {
	ID   ident.AreaID
	Name string
	// Path names the areas above it, too: "Games › Chess".
	Path string
}

func choices(tree []view.Area, above string, out []areaChoice) []areaChoice {
	for _, a := range tree {
		path := above + a.Name
		out = choices(a.Children, path+" › ", append(out, areaChoice{a.ID, a.Name, path}))
	}
	return out
}
