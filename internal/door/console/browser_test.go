package console

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// browser starts one Chromium for a test. The complaints are whatever the pages wrote to the
// console as an error, threw, or were refused by the content policy.
func browser(t *testing.T) (context.Context, *complaints) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("the browser test needs chromium (Debian: apt-get install chromium)")
		}
		t.Skip("chromium is not installed")
	}
	opts := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.Flag("headless", "new"), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.Flag("disable-quic", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
	}
	seen := &complaints{}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, quit := chromedp.NewContext(alloc, chromedp.WithListener(seen.hear))
	t.Cleanup(func() {
		closing, expire := context.WithTimeout(ctx, 20*time.Second)
		defer expire()
		_ = chromedp.Cancel(closing) // waits for the process, so that its folder can be removed
		quit()
		stop()
	})
	run(t, ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, log.Enable, cdp.Empty{})
		return err
	}))
	return ctx, seen
}

type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(ev any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		c.list = append(c.list, fmt.Sprintf("exception %+v", *e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			c.list = append(c.list, fmt.Sprint("console.error ", e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			c.list = append(c.list, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// none fails the test for every complaint but those that are meant.
func (c *complaints) none(t *testing.T, meant ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
next:
	for _, text := range c.list {
		for _, m := range meant {
			if strings.Contains(text, m) {
				continue next
			}
		}
		t.Errorf("the page complains: %s", text)
	}
}

// step is one thing to do in the browser.
type step = chromedp.Action[chromedp.Void]

func run(t *testing.T, ctx context.Context, steps ...step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// holds waits until a script's expression is true, across reloads.
func holds(expression string) step {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		again := time.NewTicker(20 * time.Millisecond)
		defer again.Stop()
		for {
			if yes, err := chromedp.Evaluate[bool]("!!("+expression+")")(ctx, tab); err == nil && yes {
				return chromedp.Void{}, nil
			}
			select {
			case <-ctx.Done():
				return chromedp.Void{}, fmt.Errorf("never true: %s", expression)
			case <-again.C:
			}
		}
	}
}

func script(text string) step {
	return func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](text+"; true")(ctx, tab)
		return chromedp.Void{}, err
	}
}

func click(selector string) step { return chromedp.Click(chromedp.CSS(selector)) }
func typed(selector, text string) step {
	return chromedp.SendKeys(chromedp.CSS(selector), text)
}

// opened waits for the dialog to show what the selector finds.
func opened(selector string) step {
	return chromedp.WaitVisible(chromedp.CSS("dialog[open] " + selector))
}

func has(selector, text string) step {
	return holds(fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q)", selector, text))
}

// streaming waits until the page follows: what changed before is not announced, it is simply there.
func streaming() step {
	return holds(`document.body["htmx-internal-data"]?.sseEventSource?.readyState === EventSource.OPEN`)
}

func TestBoardUpdatesByItself(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	id := w.newRoom(t, "Late night chess", 2)
	ctx, seen := browser(t)

	run(t, ctx, chromedp.Navigate(srv.URL), has("#on-air", "Nobody is on air"), streaming(),
		script(`window.unreloaded = true`))
	start(t, w, id)
	run(t, ctx, has("#on-air .card", "Late night chess"), has("#on-air .pill", "LIVE"), has("#count-live", "1"),
		has("#announce", "Late night chess is live."), holds(`/^\d+:\d\d$/.test(document.querySelector(".card time").textContent)`))
	stop(t, w, id)
	run(t, ctx, has("#on-air", "Nobody is on air"), has("#announce", "Late night chess has ended."),
		holds(`window.unreloaded === true`))
	seen.none(t)
}

func TestCreateRoomAndKeyInDialogs(t *testing.T) {
	_, c := newWorld(t)
	srv := serve(t, c)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/?token="+opsToken), has(".who-name", "ops"),
		holds(`location.search === ""`),
		click("#new-room"), opened("#f-title"),
		// No title: the fault stands at the field it names, and what was filled in stays.
		typed("#f-anchor", "42"),
		click("dialog button[type=submit]"), has("#w-title", "A room needs a title."),
		holds(`document.activeElement.id === "f-title"`),
		holds(`document.getElementById("f-anchor").value === "42"`), typed("#f-title", "Morning sets"), chromedp.SetValue(chromedp.CSS("#f-area"), "5"),
		typed("#f-tags", "vinyl, ambient"), typed("#f-language", "en"),
		click("dialog button[type=submit]"), has("h1", "Morning sets"), has(".tags", "ambient"), has(".meta", "Live sets"))

	run(t, ctx, click("#new-key"), opened("#f-label"), typed("#f-label", "Studio"),
		click("dialog button[type=submit]"), has("dialog #secret-key", "gr_"), has("#keys", "Studio"))
	secret, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("dialog #secret-key code")))
	must(t, err)
	if _, ok := room.ParseKeyID(secret); !ok {
		t.Fatalf("%q is no stream key", secret)
	}
	run(t, ctx, click("dialog .secret [data-close]"), holds(`!document.getElementById("dialog").open`),
		holds(fmt.Sprintf("!document.documentElement.innerHTML.includes(%q)", secret)),
		chromedp.Reload(), has("#keys", "Studio"), holds(fmt.Sprintf("!document.documentElement.innerHTML.includes(%q)", secret)))

	// Start and stop without leaving the page; Escape leaves everything as it is.
	run(t, ctx, script(`window.unreloaded = true`),
		click("#start-room"), opened("form"), click("dialog button[type=submit]"),
		has("#room-head .pill", "LIVE"), has("#ladder", "WentLive"), has("#events", "WentLive"), has("#history", "manual"), holds(`!document.getElementById("dialog").open`),
		click("#stop-room"), opened("form"), chromedp.KeyEvent("\x1b"), holds(`!document.getElementById("dialog").open`),
		has("#room-head .pill", "LIVE"),
		click("#stop-room"), opened("form"), click("dialog button[type=submit]"),
		has("#room-head .pill", "Idle"), has("#history", "ANCHOR_STOPPED"), has("#announce", "Morning sets is now idle."), holds(`window.unreloaded === true`))

	// A lock says what it will end before it does, and is taken back from the same page.
	run(t, ctx, click("#start-room"), opened("form"), click("dialog button[type=submit]"), has("#room-head .pill", "LIVE"),
		click("#control-lock"), opened("#f-reason"), has("dialog #foreseen", "ends the running broadcast"), typed("#f-reason", "a raid"),
		click("dialog button[type=submit]"), has("#room-head .pill", "Idle"), has("#controlled", "LOCKED"), has("#history", "LOCKED"), has("#control", "a raid"),
		click("#control .key-acts a"), opened("#f-reason"), click("dialog button[type=submit]"),
		has("#control", "Nothing is in force"), holds(`!document.getElementById("controlled")`), holds(`window.unreloaded === true`))
	seen.none(t, "status of 400") // the browser's own note about the refused form
}

func TestRoomPageShowsTheLadder(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	id := w.newRoom(t, "Ladder", 0)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/rooms/"+id.String()),
		holds(`[...document.querySelectorAll(".rung-name")].map(e => e.textContent).join() === "Commit,Outbox,Published,Received,Applied,In L1"`),
		holds(`document.querySelectorAll(".rung.done .track-end").length === 7`), has(".rival.won", "direct"), has(".verdict", "Both sides agree"))
	w.mu.Lock()
	w.lag = 1
	w.mu.Unlock()
	rename(t, w, id, "Ladder, renamed")
	run(t, ctx, has(".newest", "RoomRenamed"), has(".verdict", "The view is 1 version behind"), has("#room-head h1", "renamed"))
	seen.none(t)
}

// TestPlayerFollowsTheRoom has an HLS origin whose picture nobody can decode: what matters is that the
// player asks when the room goes live, not before, asks again, and stops when it ends; and that
// the content policy lets it, worker included.
func TestPlayerFollowsTheRoom(t *testing.T) {
	asked := make(chan string, 1000)
	origin := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		rw.Header().Set("Access-Control-Allow-Origin", "*")
		if strings.HasSuffix(r.URL.Path, ".m3u8") {
			_, _ = io.WriteString(rw, "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n0.ts\n")
			return
		}
		_, _ = rw.Write(bytes.Repeat([]byte{0x47, 0x1f, 0xff, 0x10}, 47*20))
	}))
	defer origin.Close()
	w, c := newWorld(t)
	c.HLSBase = origin.URL + "/hls"
	var err error
	c.policy, err = contentPolicy(c.HLSBase)
	must(t, err)
	srv := serve(t, c)
	id := w.newRoom(t, "Chess", 0)
	ctx, seen := browser(t)
	run(t, ctx, chromedp.Navigate(srv.URL+"/rooms/"+id.String()), has("#room-live", "Off air"), holds(`document.querySelector("[data-player]").dataset.now === "IDLE"`))
	if len(asked) > 0 {
		t.Errorf("asked for %s while the room was idle", <-asked)
	}
	start(t, w, id)
	run(t, ctx, has("#room-live", "Tuning in"))
	for path, times := "/hls/"+id.String()+".m3u8", 0; times < 2; {
		select {
		case got := <-asked:
			if got == path {
				times++
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("asked for the playlist %d times, want it again and again", times)
		}
	}
	stop(t, w, id)
	run(t, ctx, has("#room-live", "Off air"), holds(`!document.querySelector("video").src`))
	seen.none(t)
}

// TestScreens takes the pictures of the pages as people see them and looks for what nobody should
// see: a picture of one colour, a page wider than the phone, an error in the console.
func TestScreens(t *testing.T) {
	w, c := newWorld(t)
	srv := serve(t, c)
	folder := os.Getenv("GREENROOM_SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	must(t, os.MkdirAll(folder, 0o755))
	ctx, seen := browser(t)
	for _, scheme := range []string{"light", "dark"} {
		screen(t, ctx, srv.URL+"/", filepath.Join(folder, "empty-desk-"+scheme+".png"), scheme, 1440, 900)
	}
	screen(t, ctx, srv.URL+"/", filepath.Join(folder, "empty-phone-light.png"), "light", 360, 800)
	id := stage(t, w)
	screen(t, ctx, srv.URL+"/rooms/"+id.String(), filepath.Join(folder, "visitor-desk-light.png"), "light", 1440, 900)
	run(t, ctx, chromedp.Navigate(srv.URL+"/?token="+opsToken), has(".who-name", "ops"))

	pages := []struct{ name, path string }{
		{"board", "/"}, {"search", "/search?q=s"}, {"audit", "/audit"}, {"room", "/rooms/" + id.String()}, {"people", "/rooms/" + id.String() + "/people"}, {"new-room", "/console/rooms/new"}, {"not-found", "/nowhere"},
	}
	for _, size := range []struct {
		name          string
		width, height int64
	}{{"phone", 360, 800}, {"desk", 1440, 1000}} {
		for _, scheme := range []string{"light", "dark"} {
			for _, p := range pages {
				name := fmt.Sprintf("%s-%s-%s", p.name, size.name, scheme)
				screen(t, ctx, srv.URL+p.path, filepath.Join(folder, name+".png"), scheme, size.width, size.height)
			}
		}
	}
	dialog := filepath.Join(folder, "secret-desk-dark.png")
	run(t, ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(srv.URL+"/rooms/"+id.String()), holds(`document.readyState === "complete"`),
		click("#new-key"), opened("#f-label"), typed("#f-label", "Backup encoder"), click("dialog button[type=submit]"), opened(".secret"))
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(t, err)
	must(t, os.WriteFile(dialog, shot, 0o600))
	seen.none(t, "status of 404")
}

func screen(t *testing.T, ctx context.Context, address, file, scheme string, width, height int64) {
	t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	run(t, ctx, chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media)
		return err
	}), chromedp.Navigate(address), holds(`document.readyState === "complete" && document.querySelector("main")`))
	overflow, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	must(t, err)
	tall, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`))
	must(t, err)
	run(t, ctx, chromedp.EmulateViewport(width, max(height, tall)))
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	must(t, err)
	if overflow > 0 {
		t.Errorf("%s is %v px too wide for %d px", address, overflow, width)
	}
	img, err := png.Decode(bytes.NewReader(shot))
	must(t, err)
	if got := img.Bounds().Size(); got.X != int(width) || got.Y != int(max(height, tall)) {
		t.Errorf("%s: picture of %v, asked for %dx%d", address, got, width, max(height, tall))
	}
	if n := colours(img); n < 20 {
		t.Errorf("%s: only %d colours, the page looks blank", address, n)
	}
	must(t, os.WriteFile(file, shot, 0o600))
}

func colours(img image.Image) int {
	seen := map[[3]uint32]bool{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 3 {
		for x := b.Min.X; x < b.Max.X; x += 3 {
			r, g, bl, _ := img.At(x, y).RGBA()
			seen[[3]uint32{r, g, bl}] = true
		}
	}
	return len(seen)
}

// stage fills the world with a believable evening and returns its main room.
func stage(t *testing.T, w *world) ident.RoomID {
	t.Helper()
	for _, title := range []string{"Radio garden rehearsal", "Sunday cooking with Ines", "Old maps, new stories"} {
		w.newRoom(t, title, 0)
	}
	live := []ident.RoomID{
		w.newRoom(t, "Speedrun marathon: any% until sunrise", 3, "marathon", "co-op"),
		w.newRoom(t, "Late night blitz with commentary", 2, "blitz", "beginners welcome"),
		w.newRoom(t, "Vinyl only – four hours of dub", 5, "vinyl", "dub", "no talking"),
		w.newRoom(t, "Building a synthesizer from scratch, part 7: the filter that would not stop ringing", 4, "electronics"),
	}
	for _, id := range live {
		start(t, w, id)
	}
	main := live[1]
	interrupt(t, w, live[2])
	stop(t, w, main)
	start(t, w, main)
	rename(t, w, main, "Late night blitz, with commentary")
	m := command.Meta{Caller: ops}
	_, err := w.CreateKey(t.Context(), m, main, "Studio encoder")
	must(t, err)
	old, err := w.CreateKey(t.Context(), m, main, "Laptop")
	must(t, err)
	_, err = w.RotateKey(t.Context(), m, main, old.Key.ID, time.Hour)
	must(t, err)
	_, err = command.NewPeople(w.Anchor).Sanction(t.Context(), m, command.Named{Place: main, Users: []ident.UserID{40017, 40018}}, room.Mute, room.Term{Reason: "Spam in the chat", Note: "third time this week", For: time.Hour})
	must(t, err)
	_, err = command.NewPeople(w.Anchor).Grant(t.Context(), m, command.Named{Place: main, Users: []ident.UserID{812}}, view.Moderator, time.Time{}, 0)
	must(t, err)
	_, err = command.NewRules(w.Anchor).Set(t.Context(), m, main, view.Rules{SlowMode: 20 * time.Second, NoLinks: true, BlockedTerms: []string{"buy followers"}})
	must(t, err)
	for _, s := range w.broadcasts(t, main) {
		w.watch(s.ID, 95)
	}
	return main
}

func start(t *testing.T, w *world, id ident.RoomID) {
	t.Helper()
	_, err := w.StartRoom(t.Context(), command.Meta{Caller: ops}, id)
	must(t, err)
}

func stop(t *testing.T, w *world, id ident.RoomID) {
	t.Helper()
	_, err := w.StopRoom(t.Context(), command.Meta{Caller: ops}, id)
	must(t, err)
}

func interrupt(t *testing.T, w *world, id ident.RoomID) {
	t.Helper()
	_, err := w.Unpublish(t.Context(), command.Meta{Caller: ops}, command.Publishing{Stream: id.String(), Publisher: room.Publisher{MediaServer: room.Manual}})
	must(t, err)
}

func rename(t *testing.T, w *world, id ident.RoomID, title string) {
	t.Helper()
	_, err := w.UpdateRoom(t.Context(), command.Meta{Caller: ops}, id, room.Patch{Title: &title})
	must(t, err)
}
