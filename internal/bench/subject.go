package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// roomCount is how many rooms are on air, and edited.
const roomCount = 1000

// subject is the running server under test.
type subject struct {
	*stage.Greenroom
	client *greenroom.Client
	token  string
	rooms  []int64
	once   sync.Once
}

// startSubject builds the binary, starts it over an empty folder below root, and puts its rooms on air.
func startSubject(ctx context.Context, root string) (*subject, error) {
	binary := filepath.Join(root, "greenroom")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/greenroomlive/greenroom/cmd/greenroom")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build greenroom: %w", err)
	}
	s := &subject{token: rand.Text()}
	anyPort := "127.0.0.1:0"
	var err error
	s.Greenroom, err = stage.StartGreenroom(ctx, binary, "--data", filepath.Join(root, "data"), "--token", s.token,
		"--query-addr", anyPort, "--query-grpc-addr", anyPort, "--query-admin-addr", anyPort, "--command-addr", anyPort)
	if err != nil {
		return nil, err
	}
	// The default transport keeps two connections; every sender needs its own, or it measures dialling.
	transport := &http.Transport{MaxIdleConnsPerHost: senders, IdleConnTimeout: time.Minute, DisableCompression: true}
	s.client = greenroom.New(greenroom.CommandURL(s.CommandURL), greenroom.QueryURL(s.QueryURL), greenroom.Token(s.token),
		greenroom.HTTPClient(&http.Client{Transport: transport}), greenroom.Attempts(1))
	if err := s.furnish(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Stop ends the server; more than once is fine.
func (s *subject) Stop() { s.once.Do(s.Greenroom.Stop) }

// furnish opens the rooms and puts them on air: those are the rooms that viewers ask for.
func (s *subject) furnish(ctx context.Context) error {
	s.rooms = make([]int64, roomCount)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(senders)
	for i := range s.rooms {
		g.Go(func() error {
			made, err := s.client.CreateRoom(ctx, &greenroom.NewRoom{
				AnchorId: int64(i + 1), Title: fmt.Sprintf("World final, table %d: the last map", i),
				CoverUrl: "https://img.example.net/covers/world-final.jpg", Tags: []string{"final", "english", "strategy"}, Language: "en",
			})
			if err != nil {
				return err
			}
			s.rooms[i] = made.GetRoom().GetId()
			_, err = s.client.StartRoom(ctx, s.rooms[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("open the rooms: %w", err)
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
