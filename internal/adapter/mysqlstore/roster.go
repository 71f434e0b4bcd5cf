package mysqlstore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// RosterStanding is roster.Reader.
func (v *Views) RosterStanding(ctx context.Context) (s roster.Standing, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error {
		return rows.Scan(&s.Views, &s.Contiguous, &s.Oldest, &s.Log, &s.Fill, &s.Complete, &s.Seq)
	}, `SELECT s.epoch, s.contiguous, COALESCE((SELECT MIN(f.feed_seq) FROM feed f WHERE f.copy = s.copy), 0),
			COALESCE(r.log, ''), COALESCE(r.fill, 0), COALESCE(r.complete, FALSE), COALESCE(r.feed_seq, 0)
		FROM standing s LEFT JOIN roster r ON r.id = 1 WHERE s.id = 1`)
	return s, err
}

// Persons is roster.Reader.
func (v *Views) Persons(ctx context.Context, after project.PersonKey, limit int) (out []project.RoomPerson, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error {
		var (
			p    project.RoomPerson
			body sql.RawBytes
		)
		if err := rows.Scan(&p.Room, &p.Version, &body); err != nil {
			return err
		}
		p.Person, err = wire.UnmarshalPerson(body)
		out = append(out, p)
		return err
	}, `SELECT p.room_id, p.version, p.body FROM roster r JOIN person p ON p.fill = r.fill
		WHERE r.id = 1 AND (p.room_id = ? AND p.user_id > ? OR p.room_id > ?) ORDER BY p.room_id, p.user_id LIMIT ?`,
		int64(after.Room), int64(after.User), int64(after.Room), limit)
	return out, err
}

// SpeechRules is roster.Reader.
func (v *Views) SpeechRules(ctx context.Context, from ident.RoomID, limit int) (out []project.RoomRules, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error {
		var (
			r    project.RoomRules
			body sql.RawBytes
		)
		if err := rows.Scan(&r.Room, &r.Version, &body); err != nil {
			return err
		}
		r.Rules, err = wire.UnmarshalRules(body)
		out = append(out, r)
		return err
	}, `SELECT s.room_id, s.version, s.body FROM roster r JOIN speech_rules s ON s.fill = r.fill
		WHERE r.id = 1 AND s.room_id >= ? ORDER BY s.room_id LIMIT ?`, int64(from), limit)
	return out, err
}

// BeginRoster is roster.Store. What an older fill left is swept by Prune.
func (l *Leader) BeginRoster(ctx context.Context, log string, fill int64) error {
	return l.transact(ctx, func(w *writing) error {
		_, err := w.exec(`INSERT INTO roster (id, log, fill, complete, feed_seq) VALUES (1, ?, ?, FALSE, 0)
			ON DUPLICATE KEY UPDATE log = VALUES(log), fill = VALUES(fill), complete = FALSE, feed_seq = 0`, log, fill)
		return err
	})
}

// KeepRoster is roster.Store.
func (l *Leader) KeepRoster(ctx context.Context, b roster.Batch) error {
	return l.transact(ctx, func(w *writing) error {
		var fill int64
		if found, err := one(w, `SELECT fill FROM roster WHERE id = 1`, nil, &fill); err != nil || !found {
			return err // emptied for another log: the next look begins a fill
		}
		if err := w.keepPeople(fill, b.People); err != nil {
			return err
		}
		if err := w.keepRules(fill, b.Rules); err != nil {
			return err
		}
		if b.Seq == 0 && !b.Complete {
			return nil
		}
		_, err := w.exec(`UPDATE roster SET feed_seq = ?, complete = complete OR ? WHERE id = 1`, int64(b.Seq), b.Complete)
		return err
	})
}

// overOlder stores a row over an older one; version comes last, for the others look at the old one.
const overOlder = ` ON DUPLICATE KEY UPDATE body = IF(VALUES(version) > version, VALUES(body), body), version = GREATEST(version, VALUES(version))`

func (w *writing) keepPeople(fill int64, list []project.RoomPerson) error {
	rows := bulk{w: w.transaction, head: `INSERT INTO person (fill, room_id, user_id, version, body) VALUES `, tail: overOlder}
	for i := range list {
		p := &list[i]
		if p.Person.Plain() {
			if _, err := w.exec(`DELETE FROM person WHERE fill = ? AND room_id = ? AND user_id = ? AND version < ?`,
				fill, int64(p.Room), int64(p.Person.User), int64(p.Version)); err != nil {
				return err
			}
			continue
		}
		body, err := wire.MarshalPerson(&p.Person)
		if err != nil {
			return err
		}
		if err := rows.add(body, fill, int64(p.Room), int64(p.Person.User), int64(p.Version)); err != nil {
			return err
		}
	}
	return rows.flush()
}

func (w *writing) keepRules(fill int64, list []project.RoomRules) error {
	rows := bulk{w: w.transaction, head: `INSERT INTO speech_rules (fill, room_id, version, body) VALUES `, tail: overOlder}
	for i := range list {
		r := &list[i]
		if r.Rules.Void() {
			if _, err := w.exec(`DELETE FROM speech_rules WHERE fill = ? AND room_id = ? AND version < ?`, fill, int64(r.Room), int64(r.Version)); err != nil {
				return err
			}
			continue
		}
		body, err := wire.MarshalRules(&r.Rules)
		if err != nil {
			return err
		}
		if err := rows.add(body, fill, int64(r.Room), int64(r.Version)); err != nil {
			return err
		}
	}
	return rows.flush()
}

// oldFills are the steps that forget what older fills left.
func (l *Leader) oldFills(ctx context.Context) (steps []sweep, err error) {
	var fill int64
	if _, err := one(l.db.now(ctx), `SELECT fill FROM roster WHERE id = 1`, nil, &fill); err != nil {
		return nil, err
	}
	for _, table := range []string{"person", "speech_rules"} {
		for _, beside := range []string{"<", ">"} { // by ranges of the key: a condition of inequality would read all rows
			steps = append(steps, sweep{`DELETE FROM ` + table + ` WHERE fill ` + beside + ` ? LIMIT ?`, []any{fill}})
		}
	}
	return steps, nil
}
