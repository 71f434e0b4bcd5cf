// The player of the room page. It follows the room's status, which the server keeps in the veil
// over the picture: on air it tunes in, and tries again until there is a picture; off air it lets go.
"use strict";

(() => {
  const box = document.querySelector("[data-player]");
  const video = box.querySelector("video");
  const source = box.dataset.player;
  const native = video.canPlayType("application/vnd.apple.mpegurl") !== "" && !Hls.isSupported();
  const firstRetry = 1000, lastRetry = 8000; // ms: a playlist appears some seconds after the broadcast began
  const patience = 6; // s: a stream that is well, in fragments of a second, makes nobody wait so long

  let hls = null, timer = 0, wait = firstRetry, onAir = false;

  function tune() {
    clearTimeout(timer);
    release();
    if (native) {
      video.src = source;
    } else {
      hls = new Hls({ lowLatencyMode: true, liveSyncDurationCount: 2, backBufferLength: 30 });
      hls.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) again(); });
      hls.on(Hls.Events.MANIFEST_PARSED, play);
      hls.loadSource(source);
      hls.attachMedia(video);
    }
    if (native) play();
  }

  // Muted, so that the browser lets it start by itself; a refusal leaves the play button.
  function play() { video.play().catch(() => {}); }

  function again() {
    release();
    if (!onAir) return;
    clearTimeout(timer);
    timer = setTimeout(tune, wait);
    wait = Math.min(wait * 1.6, lastRetry);
  }

  function release() {
    box.classList.remove("playing");
    if (hls) hls.destroy();
    hls = null;
    if (video.hasAttribute("src")) {
      video.removeAttribute("src");
      video.load();
    }
  }

  function follow() {
    const veil = box.querySelector("[data-status]");
    const status = veil ? veil.dataset.status : "IDLE";
    const now = status !== "IDLE";
    const back = box.dataset.now === "INTERRUPTED" && status === "LIVE"; // the playlist may have begun anew
    box.dataset.now = status;
    if (now && (!onAir || back)) {
      onAir = true;
      wait = firstRetry;
      tune();
    } else if (!now && onAir) {
      onAir = false;
      clearTimeout(timer);
      release();
    }
  }

  // hls.js does not notice every way to hang: when an encoder comes back without its sound, it waits
  // for sound, and jumps along with the stream meanwhile. Whoever has nothing to show tunes in anew.
  let hungry = 0;
  setInterval(() => {
    const fed = !hls || video.paused || box.dataset.now !== "LIVE" || video.readyState > HTMLMediaElement.HAVE_CURRENT_DATA;
    hungry = fed ? 0 : hungry + 1;
    if (hungry < patience) return;
    hungry = 0;
    again();
  }, 1000);

  video.addEventListener("playing", () => { wait = firstRetry; box.classList.add("playing"); });
  video.addEventListener("error", () => { if (native) again(); });
  video.addEventListener("ended", again);
  document.addEventListener("htmx:afterSwap", (e) => { if (e.target.id === "room-live") follow(); });
  follow();
})();
