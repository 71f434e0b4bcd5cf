package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Views is room_c: cards, feed, position, dead letters. It serves project.Views, query.Views and
// feed.Store. All of it can be rebuilt from B: a lost file is replaced by an empty one (Reopen).
type Views struct {
	path string

	mu     sync.RWMutex // guards the handles: write for a reopen, read for everything else
	write  *conn
	read   *sql.DB
	opened os.FileInfo

	writing  sync.Mutex // one writer at a time
	shadowed atomic.Bool
	// damaged: the engine met a page that is none. The next Reopen puts the file aside.
	damaged atomic.Bool
}

// OpenViews opens or creates the file.
func OpenViews(path string) (*Views, error) {
	v := &Views{path: path}
	err := v.openFile()
	if isDamaged(err) {
		v.putAside()
		err = v.openFile()
	}
	if err != nil {
		return nil, err
	}
	return v, nil
}

// putAside moves a damaged file out of the way, for whoever wants to know what happened to it; what
// it held can be rebuilt. Only the newest one is kept.
func (v *Views) putAside() {
	_ = os.Rename(v.path, v.path+".damaged") // openFile says what is wrong if this fails
	v.removeJournal()
}

// removeJournal drops the journal of a file that is gone: it must not be replayed into the new one.
func (v *Views) removeJournal() {
	for _, left := range []string{v.path + "-wal", v.path + "-shm"} {
		_ = os.Remove(left)
	}
}

func (v *Views) openFile() error {
	write, read, err := open(v.path, viewsSchema+detailSchema+rosterSchema+chartSchema, crashSafe)
	if err != nil {
		return err
	}
	info, err := os.Stat(v.path)
	v.write, v.read, v.opened = write, read, info
	v.shadowed.Store(false)
	return err
}

// Close closes the file.
func (v *Views) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closeFile()
}

func (v *Views) closeFile() error {
	err := v.read.Close()
	if e := v.write.close(); e != nil {
		err = e
	}
	return err
}

// Reopen is project.Views: it looks whether the file is still the one that was opened, and
// begins an empty one when it was damaged, or deleted or replaced underneath us.
func (v *Views) Reopen(context.Context) (lost bool, err error) {
	info, err := os.Stat(v.path)
	damaged := v.damaged.Load()
	if err == nil && os.SameFile(info, v.opened) && !damaged {
		return false, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.closeFile() // what it cannot write any more is lost anyway
	if damaged {
		v.putAside()
	} else {
		v.removeJournal()
	}
	v.damaged.Store(false)
	if err := v.openFile(); err != nil {
		return true, fmt.Errorf("sqlitestore: begin %s anew: %w", v.path, err)
	}
	return true, nil
}

const viewsSchema = `
DROP TABLE IF EXISTS card_next;
DROP TABLE IF EXISTS feed_next;
CREATE TABLE IF NOT EXISTS card (
	room_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, anchor_id INTEGER NOT NULL, on_air INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS card_by_anchor ON card (anchor_id, room_id);
CREATE INDEX IF NOT EXISTS card_on_air ON card (room_id) WHERE on_air = 1;
CREATE TABLE IF NOT EXISTS feed (
	feed_seq INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, type TEXT NOT NULL, stored_at INTEGER NOT NULL, line BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS feed_by_room ON feed (room_id, feed_seq);
CREATE TABLE IF NOT EXISTS area_tree (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS position (
	id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL, contiguous INTEGER NOT NULL, complete INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS parked (
	id INTEGER PRIMARY KEY AUTOINCREMENT, room_id INTEGER NOT NULL, version INTEGER NOT NULL, feed_seq INTEGER NOT NULL, type TEXT NOT NULL,
	courier TEXT NOT NULL, reason TEXT NOT NULL, raw BLOB, parked_at INTEGER NOT NULL, attempts INTEGER NOT NULL,
	healed_at INTEGER NOT NULL, healed_by TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS parked_open ON parked (room_id) WHERE healed_at = 0;
`

// look reads one committed snapshot.
func (v *Views) look(ctx context.Context, f func(querier) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.noticed(look(ctx, v.read, f))
}

// noticed remembers that the file is damaged.
func (v *Views) noticed(err error) error {
	if isDamaged(err) {
		v.damaged.Store(true)
	}
	return err
}

// Cards is query.Views.
func (v *Views) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	return v.cards(ctx, `SELECT body FROM card WHERE room_id IN (SELECT value FROM json_each(?))`, string(list))
}

// ByAnchor is query.Views.
func (v *Views) ByAnchor(ctx context.Context, anchor ident.AnchorID, limit int) ([]view.RoomCard, error) {
	return v.cards(ctx, `SELECT body FROM card WHERE anchor_id = ? ORDER BY room_id LIMIT ?`, int64(anchor), limit)
}

func (v *Views) cards(ctx context.Context, text string, args ...any) ([]view.RoomCard, error) {
	var out []view.RoomCard
	err := v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			card, err := scanCard(rows)
			out = append(out, card)
			return err
		}, text, args...)
	})
	return out, err
}

func scanCard(rows *sql.Rows) (view.RoomCard, error) {
	var body sql.RawBytes
	if err := rows.Scan(&body); err != nil {
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

// onAirPage keeps hundreds of thousands of rooms on air from being held in memory twice, and a reading
// snapshot from holding up the journal's end while they are taken in.
const onAirPage = 1024

const onAirQuery = `SELECT body FROM card WHERE on_air = 1 AND room_id > ? ORDER BY room_id LIMIT ?`

type areaTreeBody struct {
	Areas []view.Area
}

// Areas is query.Views.
func (v *Views) Areas(ctx context.Context) ([]view.Area, error) {
	var (
		body []byte
		tree areaTreeBody
	)
	err := v.look(ctx, func(q querier) error {
		found, err := one(q, `SELECT body FROM area_tree WHERE id = 1`, nil, &body)
		if err != nil || !found {
			return err
		}
		return json.Unmarshal(body, &tree)
	})
	return tree.Areas, err
}

// Frames is feed.Store.
func (v *Views) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	var out []feed.Frame
	err := v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var f feed.Frame
			err := rows.Scan(&f.Seq, &f.Room, &f.Type, &f.JSON)
			out = append(out, f)
			return err
		}, `SELECT feed_seq, room_id, type, line FROM feed WHERE feed_seq > ? ORDER BY feed_seq LIMIT ?`, int64(after), limit)
	})
	return out, err
}

// RoomFrames is feed.Store.
func (v *Views) RoomFrames(ctx context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (out []feed.Frame, whole bool, err error) {
	err = v.look(ctx, func(q querier) error {
		var contiguous, oldest ident.FeedSeq
		if _, err := one(q, `SELECT contiguous, `+oldestRow+` FROM position`, nil, &contiguous, &oldest); err != nil {
			return err
		}
		if whole = oldest <= after+1 && to <= contiguous; !whole {
			return nil
		}
		return each(q, func(rows *sql.Rows) error {
			f := feed.Frame{Room: id}
			err := rows.Scan(&f.Seq, &f.Type, &f.JSON)
			out = append(out, f)
			return err
		}, `SELECT feed_seq, type, line FROM feed WHERE room_id = ? AND feed_seq > ? AND feed_seq <= ? ORDER BY feed_seq LIMIT ?`,
			int64(id), int64(after), int64(to), limit)
	})
	return out, whole, err
}

// oldestRow is the first position kept, of the row in position. Rows may lie beyond the gapless end before
// those in between have come: they are not the oldest.
const oldestRow = `MIN(contiguous + 1, COALESCE((SELECT MIN(feed_seq) FROM feed), contiguous + 1))`

// Oldest is feed.Store.
func (v *Views) Oldest(ctx context.Context) (ident.FeedSeq, error) {
	var seq ident.FeedSeq
	err := v.look(ctx, func(q querier) error {
		_, err := one(q, `SELECT `+oldestRow+` FROM position`, nil, &seq)
		return err
	})
	return max(seq, 1), err
}

// Recent returns the newest feed lines of a room, newest first; for the desk and the console.
func (v *Views) Recent(ctx context.Context, id ident.RoomID, limit int) ([]feed.Frame, error) {
	var out []feed.Frame
	err := v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			f := feed.Frame{Room: id}
			err := rows.Scan(&f.Seq, &f.Type, &f.JSON)
			out = append(out, f)
			return err
		}, `SELECT feed_seq, type, line FROM feed WHERE room_id = ? ORDER BY feed_seq DESC LIMIT ?`, int64(id), limit)
	})
	return out, err
}

// Newest is query.Views.
func (v *Views) Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return v.cards(ctx, `SELECT body FROM card WHERE room_id < ? ORDER BY room_id DESC LIMIT ?`, int64(before), limit)
}

// Count is the number of cards.
func (v *Views) Count(ctx context.Context) (int64, error) {
	var n int64
	err := v.look(ctx, func(q querier) error {
		_, err := one(q, `SELECT COUNT(*) FROM card`, nil, &n)
		return err
	})
	return n, err
}

// Prune forgets feed lines stored before keep and dead letters healed before it, in bounded steps; the newest line stays.
func (v *Views) Prune(_ context.Context, keep time.Time) (more bool, err error) {
	err = v.transact(func(c *conn) error {
		n, err := c.exec(pruneQuery("feed", "stored_at"), pruneBatch, millis(keep))
		if err != nil {
			return err
		}
		if err := pruneDetails(c); err != nil {
			return err
		}
		m, err := c.exec(`DELETE FROM parked WHERE id IN (SELECT id FROM parked WHERE healed_at > 0 AND healed_at < ? LIMIT ?)`, millis(keep), pruneBatch)
		more = n >= pruneBatch-1 || m == pruneBatch
		return err
	})
	return more, err
}
