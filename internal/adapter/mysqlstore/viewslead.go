package mysqlstore

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/pressly/goose/v3"

	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

// Leader is room_c as its one writer uses it, for one term of a lease: project.Views and follow.Witness, beside all
// that Views reads. Each of its transactions locks the lease and the row of standing, and is NOT_LEADER unless the
// lease is still of this term. Once another one has taken the lease, none of the old term's can commit any more.
//
// Nothing is retried here, for the couriers bring again what failed. A lost answer to a COMMIT is
// STORE_UNAVAILABLE although it may have happened: to write the same again changes nothing.
type Leader struct {
	*Views
	lease string
	term  lead.Term

	mu sync.Mutex
	// birth is the store's that this leader knows; empty before it has seen one. seen is the newest transaction it
	// knows there, newest the newest it made: a store that stands before seen has gone back.
	birth        string
	seen, newest int64
}

// Lead makes the writer of one term of the lease, which must lie in this database. It asks nobody: the
// first transaction finds out whether the term still holds.
func (v *Views) Lead(lease string, term lead.Term) *Leader {
	return &Leader{Views: v, lease: lease, term: term}
}

// termNumbers is left free when a leader begins. After a crash or a failover that took the newest transactions from
// the store, those who follow may have seen their numbers: what comes now must lie beyond them.
const termNumbers = 1 << 20

// writing is one transaction of the leader, with the row of standing in hand.
type writing struct {
	*transaction
	standing
	// base is what the transaction's number must lie beyond.
	base int64
}

// number gives the transaction its number, which those who follow it look for. The first call counts.
func (w *writing) number() int64 {
	w.written = max(w.written, w.base+1)
	return w.written
}

// transact runs f in one transaction of this term.
func (l *Leader) transact(ctx context.Context, f func(*writing) error) error {
	var w *writing
	err := l.db.change(ctx, func(t *transaction) (err error) {
		if w, err = l.begin(t); err != nil {
			return err
		}
		if err := f(w); err != nil {
			return err
		}
		return w.save(t)
	})
	if err != nil {
		return viewsFault(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.birth = w.birth
	l.seen, l.newest = max(l.seen, w.written), max(l.newest, w.written)
	return nil
}

// begin takes the lock, and makes sure that we lead, in the store that we know.
func (l *Leader) begin(t *transaction) (*writing, error) {
	if err := fence(t, l.lease, l.term); err != nil {
		return nil, err
	}
	w := &writing{transaction: t}
	found, err := one(t, `SELECT `+standingColumnsOf("s")+` FROM standing s WHERE s.id = 1 FOR UPDATE`, nil, w.columns()...)
	if err == nil && !found {
		err = gone(errEmptied, "was emptied")
	}
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.birth != "" && l.birth != w.birth {
		return nil, gone(errOther, "was replaced")
	}
	if w.written < l.seen {
		return nil, gone(errBack, "has gone back")
	}
	w.base = max(w.written, l.newest)
	if w.term != int64(l.term) { // the first of this term; an old leader's rebuild ends with it
		w.base += termNumbers
		w.term, w.shadow, w.written = int64(l.term), 0, w.base
	}
	return w, nil
}

var (
	errOther = errors.New("mysqlstore: another birth")
	errBack  = errors.New("mysqlstore: the newest transactions are missing")
)

// Prove is follow.Witness.
func (l *Leader) Prove(ctx context.Context, c proof.Claim) error {
	return l.transact(ctx, func(w *writing) error {
		if at := millis(c.At); at > w.provenAt {
			w.provenSeq, w.provenAt = c.Seq, at
		}
		return nil
	})
}

// Reopen is project.Views. A store whose tables were dropped or emptied is begun anew. Lost is true, too, of one that
// somebody else has begun anew, and of one that has gone back: then the caller goes on from where it stands.
func (l *Leader) Reopen(ctx context.Context) (lost bool, err error) {
	s, whole, err := examine(l.db.now(ctx))
	if err == nil && !whole {
		lost = true
		if err = l.beginAnew(ctx); err == nil {
			s, err = readStanding(l.db.now(ctx))
		}
	}
	if err != nil {
		return lost, viewsFault(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.birth != s.birth {
		lost = lost || l.birth != ""
		l.birth, l.seen, l.newest = s.birth, s.written, 0
	}
	lost = lost || s.written < l.seen
	l.seen = s.written
	return lost, nil
}

// beginAnew makes room_c again where it is not whole. Any number of processes may do so at once, leaders or not, and one
// of them does; the lease stays, if it is there.
func (v *Views) beginAnew(ctx context.Context) error {
	return inTurn(ctx, v.db.write, func(c *sql.Conn) error {
		t := &transaction{ctx: ctx, c: c}
		if _, whole, err := examine(t); err != nil || whole {
			return err
		}
		if _, err := t.exec(`DROP TABLE IF EXISTS standing, card, feed, detail, area_tree, parked, roster, person, speech_rules, ` + goose.DefaultTablename); err != nil {
			return err
		}
		_, err := migrate(ctx, v.db.write, SideC)
		return err
	})
}
