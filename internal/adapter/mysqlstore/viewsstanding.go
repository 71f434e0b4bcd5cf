package mysqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// standing is the row that says what holds of room_c; the schema says what each column means.
type standing struct {
	birth                            string
	copy, shadow, copies             int64
	term                             int64
	written, parkedWrite, areasWrite int64
	at                               project.Position
	hasCards, hasFeed                bool
	provenSeq                        ident.FeedSeq
	provenAt                         int64
	drained                          bool
}

// standingColumns are in the order of columns.
var standingColumns = []string{"birth", "copy", "shadow", "copies", "term", "written", "parked_write", "areas_write",
	"epoch", "contiguous", "complete", "has_cards", "has_feed", "proven_seq", "proven_at", "drained"}

// columns is where the row is read to, and with values what it is written from.
func (s *standing) columns() []any {
	return []any{&s.birth, &s.copy, &s.shadow, &s.copies, &s.term, &s.written, &s.parkedWrite, &s.areasWrite,
		&s.at.Epoch, &s.at.Contiguous, &s.at.Complete, &s.hasCards, &s.hasFeed, &s.provenSeq, &s.provenAt, &s.drained}
}

func (s *standing) values() []any {
	return []any{s.birth, s.copy, s.shadow, s.copies, s.term, s.written, s.parkedWrite, s.areasWrite,
		s.at.Epoch, int64(s.at.Contiguous), s.at.Complete, s.hasCards, s.hasFeed, int64(s.provenSeq), s.provenAt, s.drained}
}

// standingColumnsOf names them for a query.
func standingColumnsOf(table string) string {
	return table + "." + strings.Join(standingColumns, ", "+table+".")
}

// errEmptied is what the cause of a fault says when the row of standing is gone.
var errEmptied = errors.New("mysqlstore: standing has no row")

// readStanding is STORE_UNAVAILABLE when the row is not there.
func readStanding(q querier) (s standing, err error) {
	found, err := one(q, `SELECT `+standingColumnsOf("s")+` FROM standing s WHERE s.id = 1`, nil, s.columns()...)
	if err == nil && !found {
		err = gone(errEmptied, "was emptied")
	}
	return s, err
}

// save writes the row.
func (s *standing) save(t *transaction) error {
	_, err := t.exec(`UPDATE standing SET `+strings.Join(standingColumns, ` = ?, `)+` = ? WHERE id = 1`, s.values()...)
	return err
}

// told is the row as followers know it.
func (s *standing) told() follow.Standing {
	return follow.Standing{
		Copy: fmt.Sprintf("%s.%d", s.birth, s.copy), Write: s.written, Position: s.at,
		ParkedWrite: s.parkedWrite, AreasWrite: s.areasWrite,
		Proven: proof.Claim{Seq: s.provenSeq, At: goTime(s.provenAt)}, Drained: s.drained,
	}
}

// Standing is follow.Store.
func (v *Views) Standing(ctx context.Context) (follow.Standing, error) {
	s, err := readStanding(v.db.now(ctx))
	return s.told(), viewsFault(err)
}

// Position is project.Views.
func (v *Views) Position(ctx context.Context) (project.Position, error) {
	s, err := readStanding(v.db.now(ctx))
	return s.at, viewsFault(err)
}

// Drain says whether the operators want readers in this zone. Anybody may say so: it is no view, and no rebuild,
// reset or change of leaders takes it back. Only a store that was lost has forgotten it.
func (v *Views) Drain(ctx context.Context, drained bool) error {
	return viewsFault(retry(ctx, func() error {
		return v.db.change(ctx, func(t *transaction) error {
			_, err := t.exec(`UPDATE standing SET drained = ? WHERE id = 1`, drained)
			return err
		})
	}))
}

// wholeColumns are conditions that a store breaks when tables were dropped (then the query fails) or emptied.
const wholeColumns = `(NOT s.has_cards OR EXISTS (SELECT 1 FROM card c WHERE c.copy = s.copy)) AND
	(NOT s.has_feed OR EXISTS (SELECT 1 FROM feed f WHERE f.copy = s.copy)),
	EXISTS (SELECT 1 FROM area_tree), EXISTS (SELECT 1 FROM parked), EXISTS (SELECT 1 FROM lease)`

// examine reads the row and whether all is there that it speaks of; false, too, when the row itself is not.
func examine(q querier) (s standing, whole bool, err error) {
	var ignored sql.RawBytes
	_, err = one(q, `SELECT `+standingColumnsOf("s")+`, `+wholeColumns+` FROM standing s WHERE s.id = 1`, nil,
		append(s.columns(), &whole, &ignored, &ignored, &ignored)...)
	if isGone(err) {
		return s, false, nil
	}
	return s, whole, err
}
