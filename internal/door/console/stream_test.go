package console

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func TestPaceGathersPulses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pulses := make(chan struct{}, 1)
		began := time.Now()
		var looks []time.Duration
		done := make(chan error)
		go func() {
			done <- pace(t.Context(), pulses, func() error {
				looks = append(looks, time.Since(began))
				if len(looks) == 4 {
					return io.EOF
				}
				return nil
			})
		}()
		for range 50 { // a storm, all within the first gap
			select {
			case pulses <- struct{}{}:
			default:
			}
			<-time.After(time.Millisecond)
		}
		<-time.After(250 * time.Millisecond) // 300 ms after the beginning
		pulses <- struct{}{}
		if err := <-done; !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		want := []time.Duration{0, gap, 300 * time.Millisecond, beat}
		for i := range want {
			if looks[i] != want[i] {
				t.Fatalf("looked at %v, want %v", looks, want)
			}
		}
	})
}

func TestStreamSendsWhatChanged(t *testing.T) {
	w := httptest.NewRecorder()
	s := &stream{w: w, ctl: http.NewResponseController(w), sent: map[string]string{}}
	s.put("part", []byte("<p>one</p>\n\n  <p>two</p>\r"))
	must(t, s.flush())
	s.put("part", []byte("<p>one</p>\n\n  <p>two</p>\r"))
	must(t, s.flush())
	if got, want := w.Body.String(), "event: part\ndata: <p>one</p>\ndata: <p>two</p>\ndata:\n\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	s.put("part", []byte("three"))
	must(t, s.flush())
	if !strings.HasSuffix(w.Body.String(), "event: part\ndata: three\ndata:\n\n") {
		t.Errorf("the change was not sent: %q", w.Body)
	}
}

func TestAnnouncements(t *testing.T) {
	live := func(status view.LiveStatus, titles ...string) []cardView {
		var out []cardView
		for i, title := range titles {
			out = append(out, cardView{ID: ident.RoomID(i + 1), Title: title, Status: status})
		}
		return out
	}
	for name, tc := range map[string]struct {
		before, now []cardView
		want        string
	}{
		"nothing":     {live(view.Live, "A"), live(view.Live, "A"), ""},
		"came":        {live(view.Live), live(view.Live, "A"), "A is live."},
		"interrupted": {live(view.Live, "A"), live(view.Interrupted, "A"), "A is interrupted."},
		"resumed":     {live(view.Interrupted, "A"), live(view.Live, "A"), "A is live again."},
		"ended":       {live(view.Live, "A"), nil, "A has ended."},
		"a crowd":     {nil, live(view.Live, "A", "B", "C", "D"), "4 rooms changed on the board."},
	} {
		if got := announcement(byID(tc.before), byID(tc.now), tc.now); got != tc.want {
			t.Errorf("%s: said %q, want %q", name, got, tc.want)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	_, c := newWorld(t)
	for range maxStreams {
		c.streams <- struct{}{}
	}
	if got := ask(c, "GET", "/console/board", nil); got.Code != http.StatusTooManyRequests {
		t.Errorf("one stream too many answered %d", got.Code)
	}
}
