package mysqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/greenroomlive/greenroom/internal/adapter/adaptertest/storetest"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

const projector = "projector"

func TestViewsKeepTheContract(t *testing.T) {
	storetest.Views(t, func(t *testing.T) storetest.ViewsLevers {
		c := newRoomC(t)
		return storetest.ViewsLevers{
			Store: c.lead(), Forgets: true,
			Reopen: func() storetest.ViewsStore { return c.lead() }, Lose: c.dropTables,
			Refuse: func(id ident.RoomID) {
				c.exec(fmt.Sprintf(`CREATE TRIGGER refuse BEFORE INSERT ON card FOR EACH ROW
					IF NEW.room_id = %d THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF`, id))
			},
		}
	})
}

func TestViewsCanBeFollowed(t *testing.T) {
	storetest.Followed(t, func(t *testing.T) storetest.FollowedLevers {
		c := newRoomC(t)
		return storetest.FollowedLevers{
			Store: c.lead(), Reopen: func() storetest.FollowedStore { return c.lead() }, Lose: c.emptyTables,
		}
	})
}

// roomC is one room_c, and a hand that reaches into it from outside.
type roomC struct {
	testing.TB
	dsn  string
	db   *sql.DB
	term atomic.Int64
}

func newRoomC(t testing.TB) *roomC {
	dsn := database(t, mysqlstore.SideC)
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Logger = &mysql.NopLogger{} // a server that was killed is no news
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return &roomC{TB: t, dsn: dsn, db: db}
}

// lead opens the store as a process does that was just made the projector.
func (c *roomC) lead() *mysqlstore.Leader {
	c.Helper()
	views, err := mysqlstore.OpenViews(c.Context(), c.dsn)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { _ = views.Close() })
	return views.Lead(projector, c.elect())
}

// elect gives the lease to somebody new.
func (c *roomC) elect() lead.Term {
	c.Helper()
	term := c.term.Add(1)
	c.exec(fmt.Sprintf(`REPLACE INTO lease (name, holder, addr, term, expires_at) VALUES ('%s', 'holder %d', '127.0.0.1:%d', %d, NOW() + INTERVAL 1 HOUR)`, projector, term, term, term))
	return lead.Term(term)
}

func (c *roomC) exec(statements ...string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, text := range statements {
		if _, err := c.db.ExecContext(ctx, text); err != nil {
			c.Fatalf("%s: %v", text, err)
		}
	}
}

func (c *roomC) dropTables() {
	c.exec(`DROP TABLE standing, card, feed, area_tree, parked`)
}

func (c *roomC) emptyTables() {
	c.exec(`TRUNCATE standing`, `TRUNCATE card`, `TRUNCATE feed`)
}
