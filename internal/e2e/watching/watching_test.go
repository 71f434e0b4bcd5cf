package watching

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
	"github.com/greenroomlive/greenroom/internal/stage"
)

// grace is long enough for an encoder to come back on a busy machine, and short enough to be waited for.
const grace = 6 * time.Second

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// instruments are put into the page before the broadcast. A reload would take them away: that they
// still answer at the end shows that everything came to the page by itself.
const instruments = `
	var player = document.querySelector("[data-player]"), video = player.querySelector("video"), shown = 0;
	(function count() { video.requestVideoFrameCallback(() => { shown++; count(); }); })();

	var text = (selector) => document.querySelector(selector)?.textContent.replace(/\s+/g, " ").trim() ?? "";
	var seen = (selector) => document.querySelector(selector)?.checkVisibility({ visibilityProperty: true });

	// How far the brightness of the picture's pixels is spread, 0 to 127. A plain picture, black or not, has 0.
	var contrast = () => {
		const pen = new OffscreenCanvas(64, 36).getContext("2d");
		pen.drawImage(video, 0, 0, 64, 36);
		const { data } = pen.getImageData(0, 0, 64, 36);
		const grey = Array.from({ length: data.length / 4 }, (_, i) => (data[4*i] + data[4*i+1] + data[4*i+2]) / 3);
		const mean = (of) => of.reduce((a, b) => a + b) / of.length;
		const middle = mean(grey);
		return Math.sqrt(mean(grey.map((g) => (g - middle) ** 2)));
	};
	true`

// theater is an idle room, its page open in a browser that is not signed in, and an address to publish to.
type theater struct {
	*page
	*harness.Greenroom
	story  *harness.Story
	stream string
}

func open(t *testing.T) *theater {
	t.Helper()
	harness.NeedMedia(t)
	h := &theater{page: openBrowser(t)}
	v := harness.NginxValues(t)
	h.Greenroom = harness.Start(t, "--grace", grace.String(), "--hls-url", "http://"+v.HLSAddr+"/hls")
	v.GreenroomAddr = h.CommandAddr()
	nginx := h.StartNginx(v)

	room := h.Room("Test card")
	name := strconv.FormatInt(room, 10)
	h.stream = nginx.RTMP(name, h.Key(room))
	h.story = h.Follow(room)
	h.story.Next("RoomCreated")
	h.visit(h.CommandURL + "/rooms/" + name)
	h.await(`document.querySelector("[data-player]")?.dataset.now === "IDLE"`)
	ask[bool](h.page, instruments)
	h.await(`text("#room-head .pill") === "Idle" && text("#room-live").startsWith("Off air") && seen("#room-live")`)
	return h
}

func TestTheRoomPagePlaysTheBroadcast(t *testing.T) {
	h := open(t)
	encoder, err := stage.TestShow(h.stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(encoder.Kill)
	live := h.story.Next("WentLive")
	h.await(`text("#room-head .pill") === "LIVE"`)
	h.mustHaveClimbed("WentLive")
	h.mustPlay(1280)
	h.await(`video.webkitAudioDecodedByteCount > 0`) // the tone, for whoever unmutes it
	h.picture("watching-live.png")

	encoder.Kill()
	h.story.Next("LiveInterrupted")
	// What was seen last stays, dimmed behind the notice.
	h.await(`text("#room-head .pill") === "INTERRUPTED" && text("#room-live").startsWith("Signal lost") && seen("#room-live") && video.videoWidth === 1280`)
	h.picture("watching-interrupted.png")

	// Another size tells the new picture from what the playlist still holds of the old one. That the
	// tone is missing makes it harder: the player has prepared for sound, by that playlist.
	second := h.Publish(h.stream)
	resumed := h.story.Next("LiveResumed")
	if was, is := live.GetSnapshot().GetLive().GetSessionId(), resumed.GetSnapshot().GetLive().GetSessionId(); is != was {
		t.Errorf("resumed as session %d, was %d", is, was)
	}
	h.await(`text("#room-head .pill") === "LIVE"`)
	h.mustPlay(320)
	h.picture("watching-resumed.png")

	second.Kill()
	h.story.Next("LiveInterrupted")
	h.story.Next("LiveEnded")
	h.await(`text("#room-head .pill") === "Idle" && text("#room-live").startsWith("Off air") && seen("#room-live")`)
	h.await(`!player.classList.contains("playing") && !video.src && text("#history").includes("UNPUBLISHED")`)
	h.mustHaveClimbed("LiveEnded")
	h.picture("watching-ended.png")
	h.mustBeUntouched()
}

// mustPlay waits until a picture of this width has moved for two seconds, and looks at it.
func (h *theater) mustPlay(width int) {
	h.t.Helper()
	h.await(`video.videoWidth === ` + strconv.Itoa(width))
	before := ask[int](h.page, `shown`)
	from := ask[float64](h.page, `video.currentTime`)
	h.await(`video.currentTime > 2 && video.currentTime > ` + strconv.FormatFloat(from+2, 'f', 3, 64))
	// The least that can be called moving: a busy machine drops frames of the 25 or 15 in a second.
	if frames := ask[int](h.page, `shown`) - before; frames < 10 {
		h.t.Errorf("%d frames were shown in two seconds: %s", frames, h.describe())
	}
	if got := ask[float64](h.page, `contrast()`); got < 30 {
		h.t.Errorf("the picture has a contrast of %.1f, the test card has 70: %s", got, h.describe())
	}
	h.await(`seen("video") && !seen("#room-live")`)
}

// mustHaveClimbed waits until the ladder shows this event on every rung.
func (h *theater) mustHaveClimbed(event string) {
	h.t.Helper()
	h.await(`text("#ladder .newest .type") === "` + event + `" && document.querySelectorAll("#ladder .rung.done").length === 6`)
	h.await(`text("#ladder .verdict") === "Both sides agree"`)
	if rungs := ask[[]string](h.page, `[...document.querySelectorAll("#ladder .rung-name")].map((e) => e.textContent)`); strings.Join(rungs, " ") != "Commit Outbox Published Received Applied In L1" {
		h.t.Errorf("the rungs are %q", rungs)
	}
}

// mustBeUntouched makes sure that nobody helped: no click, which browsers want before there is
// sound, nobody signed in, and nothing thrown.
func (h *theater) mustBeUntouched() {
	h.t.Helper()
	if !ask[bool](h.page, `video.muted && !navigator.userActivation.hasBeenActive && text(".bar-who") === "Sign in"`) {
		h.t.Error("the page was not left alone")
	}
	for _, what := range h.thrown() {
		h.t.Errorf("the page threw %s", what)
	}
}
