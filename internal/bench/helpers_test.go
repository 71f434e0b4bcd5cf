package bench

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/bench/overload"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// serves runs a constant server until the test ends, and returns its address.
func serves(t *testing.T, serve func(ctx context.Context, listening func(string)) error) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	addr, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- serve(ctx, func(a string) { addr <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return <-addr
}

func TestTheOpenLoopSendsAllThatIsDue(t *testing.T) {
	addr := serves(t, func(ctx context.Context, listening func(string)) error { return constantHTTP(ctx, 500, listening) })
	o := openOrder{Addr: addr, Request: getting(addr, "/"), Rate: 1000, Connections: 4, Warm: 50 * time.Millisecond, Length: 200 * time.Millisecond}
	r, err := o.run(t.Context())
	if err != nil || r.Answered != 200 || r.P50 <= 0 || r.P999 < r.P50 {
		t.Errorf("%+v, %v; want 200 answers", r, err)
	}
	o.Rate = 0
	if r, err = o.run(t.Context()); err != nil || r.Rate <= 0 {
		t.Errorf("capacity: %+v, %v", r, err)
	}
}

// A stall holds up those that were due meanwhile, too: a loop that waits for answers would report one slow request.
func TestLatencyCountsFromWhenItWasDue(t *testing.T) {
	const stall = 100 * time.Millisecond
	var asked atomic.Int64
	addr := serves(t, func(ctx context.Context, listening func(string)) error {
		s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) == 20 {
				<-time.After(stall)
			}
			_, _ = io.WriteString(w, "x")
		})}
		return serving(ctx, listening, s.Serve, s.Close)
	})
	o := openOrder{Addr: addr, Request: getting(addr, "/"), Rate: 1000, Connections: 1, Length: 150 * time.Millisecond}
	r, err := o.run(t.Context())
	if err != nil || r.P50 < stall/10 || r.P99 < stall/2 {
		t.Errorf("%+v, %v: half of the requests were due during the stall", r, err)
	}
}

func TestACallIsAnsweredByTheConstantServer(t *testing.T) {
	addr := serves(t, func(ctx context.Context, listening func(string)) error { return constantGRPC(ctx, 200, listening) })
	r, err := callOrder{Addr: addr, Room: 5, Streams: 3, Length: 20 * time.Millisecond}.run(t.Context())
	if err != nil || r.Answered == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAnswersEndWhereTheySay(t *testing.T) {
	const http200 = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
	for b, want := range map[string]int{
		"": 0, "HTTP/1.1 200 OK\r\nContent-Le": 0, http200: len(http200), http200 + "HTTP": len(http200), "$5\r\nhello\r\n$": 11, "$5": 0,
	} {
		if got, refused, err := answerSize([]byte(b)); got != want || refused || err != nil {
			t.Errorf("%q: %d, %v; want %d", b, got, err, want)
		}
	}
	for _, b := range []string{"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "$x\r\n"} {
		if _, _, err := answerSize([]byte(b)); err == nil {
			t.Errorf("%q passes for an answer", b)
		}
	}
	const busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"
	if got, refused, err := answerSize([]byte(busy)); got != len(busy) || !refused || err != nil {
		t.Errorf("a refusal: %d, %v, %v", got, refused, err)
	}
}

func TestFurnishedRoomsAreThere(t *testing.T) {
	dir := t.TempDir()
	if err := furnish(t.Context(), dir, rooming(300, 100), proving); err != nil {
		t.Fatal(err)
	}
	b, err := sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	// 100 rooms are edited and begin on air, as do 100 of the 200 others: two events each, one for those that do not.
	if h, err := b.Head(t.Context()); err != nil || h.Seq != ident.FeedSeq(500) {
		t.Errorf("the log ends at %d, %v; want 500", h.Seq, err)
	}
}

func TestWhatIsMissedIsSaid(t *testing.T) {
	for _, b := range []Bench{{Only: []string{"reads", "writes"}, Rooms: leastRooms}, {Rooms: leastRooms - 1}} {
		if err := b.sane(); err == nil {
			t.Errorf("%+v passes", b)
		}
	}
	if err := (&Bench{Only: names(), Rooms: leastRooms}).sane(); err != nil {
		t.Error(err)
	}
	r := &run{Bench: &Bench{}}
	t.Setenv("PATH", t.TempDir())
	s, err := r.experiment(t.Context(), experiment{title: "Reads", needs: []string{"wrk"}, run: func(*run, context.Context) (section, error) {
		return section{}, errors.New("it was run")
	}})
	if err != nil || len(s.how) != 1 || !strings.Contains(s.how[0], "Debian: wrk") {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestAReactionIsJudgedByItsLastLateSlot(t *testing.T) {
	late, early := 150*time.Millisecond, 10*time.Millisecond
	for want, slots := range map[time.Duration][]time.Duration{
		0: {early, early}, 2 * slot: {early, late, early}, 3 * slot: {late, early, late, early},
	} {
		if got := settled(overload.Reaction{Entering: slots}); got != want {
			t.Errorf("%v: %v, want %v", slots, got, want)
		}
	}
	if r := reacting(overload.Reaction{}); r.verdict() != "**not met**" {
		t.Errorf("a node that refuses nobody: %+v", r)
	}
	if r := reacting(overload.Reaction{FirstRefusal: 100 * time.Millisecond}); r.verdict() != "met" {
		t.Errorf("a quick one: %+v", r)
	}
}

func TestThePictureHoldsBothCurves(t *testing.T) {
	points := func(kept float64) (out []overload.Point) {
		for _, times := range loadTimes {
			out = append(out, overload.Point{Times: times, Offered: 1000 * times, Goodput: 1000 * min(times, kept), Entered: kept})
		}
		return out
	}
	var b strings.Builder
	if err := drawOverload(&b, points(1), points(0.6)); err != nil {
		t.Fatal(err)
	}
	texts, circles := map[string]bool{}, 0
	for decoder, within := xml.NewDecoder(strings.NewReader(b.String())), ""; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			within = token.Name.Local
			for _, a := range token.Attr {
				v, err := strconv.ParseFloat(a.Value, 64)
				if most := map[string]float64{"cx": svgWidth, "cy": svgHeight, "x": svgWidth, "y": svgHeight}[a.Name.Local]; most > 0 && (err != nil || v < 0 || v > most) {
					t.Errorf("%s=%q is outside the picture", a.Name.Local, a.Value)
				}
			}
			if within == "circle" {
				circles++
			}
		case xml.CharData:
			if within == "text" {
				texts[string(token)] = true
			}
		}
	}
	if want := 4 * len(loadTimes); circles != want {
		t.Errorf("%d points, want %d", circles, want)
	}
	for _, want := range []string{"as shipped", "without admission", "10×", "100", "Viewers who enter, %", "Offered load, in multiples of what the node can answer"} {
		if !texts[want] {
			t.Errorf("no %q among %v", want, texts)
		}
	}
	if strings.Contains(b.String(), "NaN") || !strings.Contains(b.String(), "prefers-color-scheme: dark") {
		t.Error(fmt.Sprint("unreadable:\n", b.String()))
	}
}
