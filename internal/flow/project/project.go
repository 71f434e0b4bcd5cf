// Package project turns events into views: it is the one entrance of the C side.
//
// Both couriers end in Projector.Apply. It is idempotent by (room, version), keeps each room's
// order whatever order the couriers take, detects what is missing (prev_version for a room,
// feed_seq for the feed) and fetches it from the Source. One event that cannot be applied parks its
// room, nobody else's. Everything is written by Projector.write, in one transaction per batch: cards,
// feed rows and the position in the log cannot disagree after a crash.
//
// Run follows the log behind the couriers' backs (follow.go): both may be down, lose, repeat or
// reorder, and the views still reach the log's head. Methods are safe for concurrent use.
package project

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// Config is what a Projector is made of.
type Config struct {
	Views    Views
	Source   Source
	Audience Audience
	Observer station.Observer
	// Count is told of what metrics count: "gap", "duplicate", "parked", "healed", "catch-up"; may be nil.
	Count  func(what string, n int)
	Logger *slog.Logger
	Clock  func() time.Time
}

// Projector applies events to the views.
type Projector struct {
	views    Views
	source   Source
	audience Audience
	observer station.Observer
	count    func(string, int)
	logger   *slog.Logger
	clock    func() time.Time

	mu sync.Mutex // one transaction at a time, in the order of Apply
	// at is the stored position, ahead the feed rows stored beyond its gapless end.
	at    Position
	ahead map[ident.FeedSeq]struct{}
	// told is the epoch of the log that the audience knows.
	told string
	// versions caches what is stored, for rooms touched lately.
	versions map[ident.RoomID]ident.Version
	areas    ident.Version
	parked   map[ident.RoomID]*parkedRoom
	held     held
	proof    proof.Proof
	asked    time.Time // when the log was asked last; Run's alone
	wroteAt  time.Time // when the newest transaction was done
	// behind asks Run to look at the log now instead of at the next tick.
	behind chan struct{}

	rebuild rebuildJob
}

// maxVersions bounds the cache of versions; it is emptied when full, a miss costs one read.
const maxVersions = 200_000

// New wires a projector; Run must be running before views are complete.
func New(c Config) *Projector {
	p := &Projector{views: c.Views, source: c.Source, audience: c.Audience, observer: c.Observer, count: c.Count,
		logger: c.Logger, clock: c.Clock, ahead: map[ident.FeedSeq]struct{}{}, versions: map[ident.RoomID]ident.Version{},
		parked: map[ident.RoomID]*parkedRoom{}, held: held{since: map[ident.RoomID]time.Time{}}, behind: make(chan struct{}, 1)}
	if p.clock == nil {
		p.clock = time.Now
	}
	if p.observer == nil {
		p.observer = station.Discard{}
	}
	if p.count == nil {
		p.count = func(string, int) {}
	}
	return p
}

// Push is relay.Ingest: the direct courier's entrance.
func (p *Projector) Push(ctx context.Context, events []event.RoomEvent) error {
	list := make([]Delivery, len(events))
	now := p.clock()
	for i := range events {
		list[i] = Delivery{Courier: station.Direct, Event: events[i], Room: events[i].RoomID, ReceivedAt: now}
	}
	return p.Apply(ctx, list)
}

// Apply applies a batch. Nil means that the batch is dealt with: applied, known already, or parked.
// An error means that the store does not take anything now; the caller brings the batch again. The list is
// Apply's from now on.
func (p *Projector) Apply(ctx context.Context, list []Delivery) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.Epoch == "" {
		return fault.NotReady.New("the views do not know their log yet")
	}
	list = p.skim(list)
	err := p.applyBatch(ctx, list)
	if err == nil || retryable(err) || len(list) == 1 {
		return p.orPark(ctx, list, err)
	}
	// Something in the batch cannot be stored. One by one only the culprit is parked.
	for i := range list {
		one := list[i : i+1]
		if err := p.orPark(ctx, one, p.applyBatch(ctx, one)); err != nil {
			return err
		}
	}
	return nil
}

// skim reads what is new, and takes out what is known by its mark alone: two couriers bring everything, and what the
// second one brings need not even be read.
func (p *Projector) skim(list []Delivery) []Delivery {
	news := list[:0]
	for i := range list {
		d := &list[i]
		known := d.Read != nil && p.knows(&d.Event)
		if !known {
			d.Open()
		}
		if d.Unreadable == nil { // else there is no event that could pass, and no time it was published at
			p.observer.Passed(station.Passage{Station: station.Received, Event: &d.Event, Courier: d.Courier, At: d.ReceivedAt})
		}
		if known {
			p.count("duplicate", 1)
			continue
		}
		news = append(news, *d)
	}
	return news
}

// knows reports whether both the feed and the views hold an event for certain.
func (p *Projector) knows(e *event.RoomEvent) bool {
	if e.Epoch != p.at.Epoch || e.FeedSeq <= 0 || p.parked[e.RoomID] != nil {
		return false
	}
	if _, ahead := p.ahead[e.FeedSeq]; !ahead && e.FeedSeq > p.at.Contiguous {
		return false
	}
	if e.RoomID == ident.AreaTree {
		return e.Version <= p.areas
	}
	return e.Version <= p.versions[e.RoomID]
}

// orPark parks the single delivery that failed for a reason of its own.
func (p *Projector) orPark(ctx context.Context, list []Delivery, err error) error {
	if err == nil || retryable(err) {
		return err
	}
	return p.park(ctx, list[0], err)
}

func retryable(err error) bool { return fault.Of(err).Code != fault.Internal }

func (p *Projector) applyBatch(ctx context.Context, list []Delivery) error {
	pl := plan{cards: map[ident.RoomID]int{}}
	if err := p.know(ctx, list); err != nil {
		return err
	}
	for i := range list {
		if err := p.place(ctx, &pl, &list[i]); err != nil {
			return err
		}
	}
	if err := p.write(ctx, pl.batch); err != nil {
		return err
	}
	visible := p.clock()
	for _, d := range pl.won {
		passage := station.Passage{Station: station.Applied, Event: &d.Event, Courier: d.Courier, ReceivedAt: d.ReceivedAt, At: p.wroteAt}
		p.observer.Passed(passage)
		passage.Station, passage.At = station.Visible, visible
		p.observer.Passed(passage)
	}
	for _, d := range pl.poison {
		if err := p.park(ctx, *d, d.Unreadable); err != nil {
			return err
		}
	}
	return nil
}

// plan is what a batch of deliveries comes to.
type plan struct {
	batch Batch
	// cards finds a room's card in batch.Cards: only its newest is written.
	cards  map[ident.RoomID]int
	won    []*Delivery
	poison []*Delivery
}

func (pl *plan) put(card view.RoomCard) {
	if i, found := pl.cards[card.ID]; found {
		pl.batch.Cards[i] = card
		return
	}
	pl.cards[card.ID] = len(pl.batch.Cards)
	pl.batch.Cards = append(pl.batch.Cards, card)
}

// place decides what one delivery changes.
func (p *Projector) place(ctx context.Context, pl *plan, d *Delivery) error {
	e := &d.Event
	if d.Unreadable == nil {
		d.Unreadable = e.Intact()
	}
	if d.Unreadable != nil {
		pl.poison = append(pl.poison, d)
		return nil
	}
	if e.Epoch != p.at.Epoch {
		p.lookNow() // another log: Run decides which one is ours
		return nil
	}
	p.placeFeed(pl, e)
	if e.RoomID == ident.AreaTree {
		if e.Version > max(p.areas, pl.batch.AreasVersion) {
			pl.batch.Areas, pl.batch.AreasVersion = e.Areas, e.Version
			pl.won = append(pl.won, d)
		}
		return nil
	}
	if r := p.parked[e.RoomID]; r != nil {
		r.passed = max(r.passed, e.Version)
		p.lookNow() // the room is healed from B's state, which holds this event too
		return nil
	}
	return p.placeCard(ctx, pl, d)
}

func (p *Projector) placeCard(ctx context.Context, pl *plan, d *Delivery) error {
	e := &d.Event
	have := p.versions[e.RoomID]
	if i, found := pl.cards[e.RoomID]; found {
		have = pl.batch.Cards[i].Version
	}
	if e.Version <= have {
		p.count("duplicate", 1)
		return nil
	}
	card := e.Snapshot
	if e.PrevVersion != have {
		// Something between was not brought, or not yet. The snapshot is whole, so the card will be right;
		// B's committed state may be newer still, and what lies between is then known to be passed.
		p.count("gap", 1)
		pulled, found, err := p.source.Snapshot(ctx, e.RoomID)
		if err == nil && found && pulled.Version > card.Version {
			card = pulled
		}
	}
	pl.put(card)
	pl.won = append(pl.won, d)
	return nil
}

func (p *Projector) placeFeed(pl *plan, e *event.RoomEvent) {
	if e.FeedSeq <= p.at.Contiguous {
		return
	}
	if _, stored := p.ahead[e.FeedSeq]; stored {
		return
	}
	pl.batch.Feed = append(pl.batch.Feed, rowOf(e))
}

// rowOf is the event as the feed serves it.
func rowOf(e *event.RoomEvent) FeedRow {
	return FeedRow{Seq: e.FeedSeq, Room: e.RoomID, Version: e.Version, Type: e.Type, JSON: e.AppendJSON(make([]byte, 0, 1024)), Detail: e.Detail}
}

// know loads the stored versions of the batch's rooms that are not cached.
func (p *Projector) know(ctx context.Context, list []Delivery) error {
	if len(p.versions) > maxVersions {
		clear(p.versions)
	}
	var ask []ident.RoomID
	for i := range list {
		if _, known := p.versions[list[i].Room]; !known && list[i].Room != ident.AreaTree {
			ask = append(ask, list[i].Room)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	found, err := p.views.Versions(ctx, ask)
	for id, v := range found {
		p.versions[id] = v
	}
	return err
}

// write is the one place that changes the views. It stores the batch with the position that
// follows from it, and tells the audience. p.mu is held.
func (p *Projector) write(ctx context.Context, b Batch) error {
	next, ahead := p.advance(b.Feed)
	if next != p.at {
		b.Position = &next
	}
	if b.Position == nil && len(b.Cards)+len(b.Feed)+len(b.Park)+len(b.Heal) == 0 && b.AreasVersion == 0 {
		return nil
	}
	if b.Position != nil && b.Position.Contiguous < next.Contiguous {
		b.Position.Contiguous = next.Contiguous
	}
	taken, err := p.views.Write(ctx, b)
	if err != nil {
		return err
	}
	p.wroteAt = p.clock()
	for _, seq := range ahead {
		p.ahead[seq] = struct{}{}
	}
	if b.Position != nil {
		p.at = *b.Position
	}
	for seq := range p.ahead {
		if seq <= p.at.Contiguous {
			delete(p.ahead, seq)
		}
	}
	if len(p.ahead) > 0 {
		p.lookNow()
	}
	p.tell(b, taken)
	p.proof.Stands(p.at.Epoch, p.at.Contiguous) // when readers see it
	return nil
}

// advance says where the feed's gapless end lies once rows are stored, and which rows lie beyond.
func (p *Projector) advance(rows []FeedRow) (Position, []ident.FeedSeq) {
	next := p.at
	fresh := make([]ident.FeedSeq, 0, len(rows))
	has := make(map[ident.FeedSeq]struct{}, len(rows))
	for _, r := range rows {
		fresh = append(fresh, r.Seq)
		has[r.Seq] = struct{}{}
	}
	for {
		_, now := has[next.Contiguous+1]
		_, before := p.ahead[next.Contiguous+1]
		if !now && !before {
			return next, fresh
		}
		next.Contiguous++
	}
}

// tell passes on what became visible: only cards that the store took, they are the newest.
func (p *Projector) tell(b Batch, taken []ident.RoomID) {
	isTaken := make(map[ident.RoomID]struct{}, len(taken))
	for _, id := range taken {
		isTaken[id] = struct{}{}
	}
	c := Change{Feed: b.Feed, Contiguous: p.at.Contiguous}
	for _, card := range b.Cards {
		if _, ok := isTaken[card.ID]; ok {
			c.Cards = append(c.Cards, card)
			p.versions[card.ID] = card.Version
		} else {
			delete(p.versions, card.ID) // the store knows a newer one than we thought
		}
	}
	if b.AreasVersion > p.areas {
		p.areas, c.Areas = b.AreasVersion, b.Areas
	}
	p.audience.Changed(c)
}

func (p *Projector) lookNow() {
	select {
	case p.behind <- struct{}{}:
	default:
	}
}
