package mysqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Views is room_c as all nodes of a zone use it: query.Views, search.Views, feed.Store and follow.Store. It writes
// nothing but the operators' wish to drain; Lead makes the one writer of it.
//
// Cards and feed rows belong to a copy, and the row standing names the one that is read: a rebuild's switch and a
// reset are an update of that row. All of it can be rebuilt from B, so its server need not flush at each commit
// (innodb_flush_log_at_trx_commit=2, a setting of the whole server that no session can choose): what
// a crash takes back is found out and brought again.
type Views struct {
	db  *database
	dsn string
}

// OpenViews connects to room_c. NOT_READY: its schema is older than this program's.
func OpenViews(ctx context.Context, dsn string) (*Views, error) {
	db, err := open(dsn)
	if err != nil {
		return nil, err
	}
	if err := migrated(ctx, db, SideC); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return &Views{db, dsn}, nil
}

// Close closes the connections.
func (v *Views) Close() error { return v.db.close() }

// absent are the engine's numbers for a table, or the file of one, that is not there.
var absent = map[uint16]bool{1146: true, 1812: true, 1932: true}

// isGone reports whether tables are missing.
func isGone(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && absent[e.Number]
}

// gone is the fault of a store that must be begun anew, or was. Its writer does that, or goes on from it, with Reopen;
// for everybody else it passes by itself.
func gone(cause error, what string) error {
	return fault.StoreUnavailable.Wrap(cause, "room_c %s", what).With("cause", "gone")
}

// viewsFault types what happened to room_c.
func viewsFault(err error) error {
	if isGone(err) {
		return gone(err, "has lost its tables")
	}
	return engineFault(err)
}

// look reads one committed snapshot.
func (v *Views) look(ctx context.Context, f func(querier) error) error {
	return viewsFault(v.db.look(ctx, f))
}

// list reads rows of the copy that stands, in one statement. No row is an answer only of a store that is there.
func (v *Views) list(ctx context.Context, scan func(*sql.Rows) error, text string, args ...any) error {
	found := false
	err := each(v.db.now(ctx), func(rows *sql.Rows) error {
		found = true
		return scan(rows)
	}, text, args...)
	if err == nil && !found {
		_, err = readStanding(v.db.now(ctx))
	}
	return viewsFault(err)
}

// ofCards and ofFeed are the rows of the copy that stands; a condition follows.
const (
	ofCards = ` FROM standing s JOIN card c ON c.copy = s.copy WHERE s.id = 1 AND `
	ofFeed  = ` FROM standing s JOIN feed f ON f.copy = s.copy WHERE s.id = 1 AND `
)

// among is a condition of so many parameters.
func among(column string, n int) string {
	return column + ` IN (?` + strings.Repeat(`, ?`, n-1) + `)`
}

func idArgs(ids []ident.RoomID) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}

// Cards is query.Views.
func (v *Views) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return v.cards(ctx, `SELECT c.body`+ofCards+among(`c.room_id`, len(ids)), idArgs(ids)...)
}

// ByAnchor is query.Views.
func (v *Views) ByAnchor(ctx context.Context, anchor ident.AnchorID, limit int) ([]view.RoomCard, error) {
	return v.cards(ctx, `SELECT c.body`+ofCards+`c.anchor_id = ? ORDER BY c.room_id LIMIT ?`, int64(anchor), limit)
}

func (v *Views) cards(ctx context.Context, text string, args ...any) (out []view.RoomCard, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error {
		card, err := scanCard(rows)
		out = append(out, card)
		return err
	}, text, args...)
	return out, err
}

// scanCard reads a row that ends with a body.
func scanCard(rows *sql.Rows, before ...any) (view.RoomCard, error) {
	var body sql.RawBytes
	if err := rows.Scan(append(before, &body)...); err != nil {
		return view.RoomCard{}, err
	}
	return wire.UnmarshalCard(body)
}

// OnAir is query.Views.
func (v *Views) OnAir(ctx context.Context, yield func(view.RoomCard) bool) error {
	for after := int64(0); ; {
		list, err := v.cards(ctx, onAirQuery, after, onAirPage)
		for _, card := range list {
			if !yield(card) {
				return nil
			}
			after = int64(card.ID)
		}
		if err != nil || len(list) < onAirPage {
			return err
		}
	}
}

// onAirPage keeps hundreds of thousands of rooms on air from being held in memory twice, and a reader that is slow
// to take them in from holding a connection and an old snapshot meanwhile.
const onAirPage = 1024

const onAirQuery = `SELECT c.body` + ofCards + `c.on_air = 1 AND c.room_id > ? ORDER BY c.room_id LIMIT ?`

// Newest is query.Views and search.Views.
func (v *Views) Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return v.cards(ctx, `SELECT c.body`+ofCards+`c.room_id < ? ORDER BY c.room_id DESC LIMIT ?`, int64(before), limit)
}

// Count is the number of cards.
func (v *Views) Count(ctx context.Context) (n int64, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, `SELECT COUNT(*)`+ofCards+`TRUE`)
	return n, err
}

// Versions is project.Views.
func (v *Views) Versions(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error) {
	out := make(map[ident.RoomID]ident.Version, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	err := v.list(ctx, scanVersions(out), `SELECT c.room_id, c.version`+ofCards+among(`c.room_id`, len(ids)), idArgs(ids)...)
	return out, err
}

func scanVersions(into map[ident.RoomID]ident.Version) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var (
			id      ident.RoomID
			version ident.Version
		)
		err := rows.Scan(&id, &version)
		into[id] = version
		return err
	}
}

type areaTreeBody struct {
	Areas []view.Area
}

// Areas is query.Views.
func (v *Views) Areas(ctx context.Context) (areas []view.Area, err error) {
	err = v.look(ctx, func(q querier) error {
		areas, _, err = readAreas(q)
		return err
	})
	return areas, err
}

// AreasVersion is project.Views.
func (v *Views) AreasVersion(ctx context.Context) (version ident.Version, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error { return rows.Scan(&version) }, `SELECT version FROM area_tree WHERE id = 1`)
	return version, err
}

// readAreas is nil at version 0 when there are none.
func readAreas(q querier) (areas []view.Area, version ident.Version, err error) {
	var (
		body []byte
		tree areaTreeBody
	)
	found, err := one(q, `SELECT version, body FROM area_tree WHERE id = 1`, nil, &version, &body)
	if err == nil && found {
		err = json.Unmarshal(body, &tree)
	}
	return tree.Areas, version, err
}
