package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/bench/proof"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/stage"
)

const (
	// leastRooms is the largest batch that is asked for.
	leastRooms = 1000
	// readyWithin bounds the start of a server over rooms that it has not seen yet.
	readyWithin = 2 * time.Minute
)

// subject is the running server under test.
type subject struct {
	*stage.Greenroom
	layout   proof.Layout
	client   *greenroom.Client
	grpcAddr string
	token    string
	rooms    []int64 // those on air
}

// queryAddr is the C side's host:port.
func (s *subject) queryAddr() string { return strings.TrimPrefix(s.QueryURL, "http://") }

// start sees to it that the server of the measurements runs.
func (r *run) start(ctx context.Context) (err error) {
	if r.sut != nil {
		return nil
	}
	r.sut, err = r.serve(ctx, "data", allOnAir(r.Rooms), usual)
	return err
}

// stop ends it.
func (r *run) stop() {
	if r.sut != nil {
		r.sut.Stop()
	}
	r.sut = nil
}

// serve runs `greenroom dev` over a new folder with these rooms, and waits until it is ready for viewers.
func (r *run) serve(ctx context.Context, dir string, l proof.Layout, titled func(i int) room.Description, flags ...string) (s *subject, err error) {
	dir = filepath.Join(r.root, dir)
	say("preparing %s rooms", thousands(int64(l.Rooms)))
	if err := furnish(ctx, dir, l, titled); err != nil {
		return nil, fmt.Errorf("prepare %d rooms: %w", l.Rooms, err)
	}
	s = &subject{layout: l, token: rand.Text()}
	if s.grpcAddr, err = stage.FreeAddr(); err != nil {
		return nil, err
	}
	const anyPort = "127.0.0.1:0"
	s.Greenroom, err = stage.StartGreenroom(ctx, r.self, append([]string{"--data", dir, "--token", s.token, "--query-addr", anyPort,
		"--query-grpc-addr", s.grpcAddr, "--query-admin-addr", anyPort, "--command-addr", anyPort}, flags...)...)
	if err != nil {
		return nil, err
	}
	// The default transport keeps two connections; every sender needs its own, or it measures dialling.
	transport := &http.Transport{MaxIdleConnsPerHost: senders, IdleConnTimeout: time.Minute, DisableCompression: true}
	s.client = greenroom.New(greenroom.CommandURL(s.CommandURL), greenroom.QueryURL(s.QueryURL), greenroom.Token(s.token),
		greenroom.HTTPClient(&http.Client{Transport: transport}), greenroom.Attempts(1))
	for i := range l.Rooms {
		if l.Begins(i) > 1 {
			s.rooms = append(s.rooms, l.ID(i))
		}
	}
	wait, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.Until(wait, "ready for viewers", s.ready); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// ready is what a load balancer would ask.
func (s *subject) ready(ctx context.Context) error {
	_, err := get(ctx, s.QueryURL+"/readyz")
	return err
}

// allOnAir are that many rooms on air.
func allOnAir(rooms int) proof.Layout { return rooming(rooms, rooms) }

// rooming is a layout with ids like those that are minted.
func rooming(rooms, edited int) proof.Layout {
	return proof.Layout{First: 7_345_120_812_338_774_016, Step: 4096, Rooms: rooms, Edited: edited}
}

// usual describes a room of usual size.
func usual(i int) room.Description {
	return room.Description{
		Title: fmt.Sprintf("World final, table %d: the last map", i), CoverURL: "https://img.example.net/covers/world-final.jpg",
		Tags: []string{"final", "english", "strategy"}, Language: "en",
	}
}

// furnish writes the rooms into a new room_b below dir, as the commands would that open and start them: through the
// doors a million would take minutes.
func furnish(ctx context.Context, dir string, l proof.Layout, describe func(i int) room.Description) (err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	b, err := sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	by := room.By{Now: time.Now().UTC().Truncate(time.Millisecond), Actor: "bench"}
	for from := 0; from < l.Rooms; from += 256 {
		err := b.Write(ctx, func(tx command.Tx) error {
			for i := from; i < min(from+256, l.Rooms); i++ {
				rm, err := room.Create(by, ident.RoomID(l.ID(i)), ident.AnchorID(i+1), describe(i))
				if err != nil {
					return err
				}
				if l.Begins(i) > 1 {
					if err := rm.GoLive(by, room.Publisher{MediaServer: room.Manual}, ident.SessionID(l.ID(i)+1), room.Terms{}); err != nil {
						return err
					}
				}
				if err := tx.SaveRoom("xanchor", rm); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// get reads a page of the server.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}
