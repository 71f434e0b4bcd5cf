// The audience's chart on the room page. Its data is the table below it, which the server keeps; without this script
// the table is what there is.
"use strict";

(() => {
  const place = document.getElementById("chart");
  const minutes = document.getElementById("minutes");
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  const height = 220; // px
  let chart = null;

  // One column for each minute. A minute that nobody counted is a hole in the line, not a slope over it.
  function data() {
    const columns = [[], [], [], []];
    for (const row of minutes.querySelectorAll("tr[data-at]")) {
      const at = Number(row.dataset.at), last = columns[0].at(-1);
      if (last !== undefined && at - last > 60) {
        columns[0].push(last + 60);
        for (const values of columns.slice(1)) values.push(null);
      }
      columns[0].push(at);
      [...row.querySelectorAll(".num")].forEach((cell, i) => columns[i + 1].push(Number(cell.textContent)));
    }
    return columns;
  }

  const two = (n) => String(n).padStart(2, "0");
  const clock = (at) => { const d = new Date(at * 1000); return two(d.getUTCHours()) + ":" + two(d.getUTCMinutes()); };
  const whole = (n) => (n === null || n === undefined ? "–" : n.toLocaleString("en"));

  function options(width) {
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue("--" + name).trim();
    const axis = { stroke: colour("ink-3"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
    const counts = { ...axis, size: 52, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7], values: (_, list) => list.map(whole) };
    const upwards = (_, low, high) => [0, Math.max(high * 1.05, 4)];
    const points = { show: (u) => u.data[0].length === 1 }; // a single minute makes no line
    return {
      width, height,
      scales: { x: { time: true }, y: { range: upwards }, likes: { range: upwards } },
      cursor: { y: false, drag: { x: false, y: false } },
      axes: [
        { ...axis, values: (_, list) => list.map(clock), incrs: [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600], space: 64 },
        counts,
        { ...counts, scale: "likes", side: 1, grid: { show: false }, stroke: colour("wait") },
      ],
      series: [
        { label: "UTC", value: (_, at) => (at === null ? "–" : clock(at)) },
        { label: "Online", stroke: colour("accent"), fill: colour("accent-soft"), width: 2, value: (_, n) => whole(n), points },
        { label: "Peak", stroke: colour("ink-3"), dash: [4, 4], width: 1.5, value: (_, n) => whole(n), points },
        { label: "Likes", scale: "likes", stroke: colour("wait"), width: 1.5, value: (_, n) => whole(n), points },
      ],
    };
  }

  function draw() {
    const columns = data(), some = columns[0].length > 0;
    place.hidden = !some;
    minutes.hidden = !some;
    if (!some) return;
    if (chart) return chart.setData(columns);
    chart = new uPlot(options(place.clientWidth), columns, place);
  }

  function again() {
    if (chart) chart.destroy();
    chart = null;
    draw();
  }

  minutes.open = false; // the chart says it
  draw();
  scheme.addEventListener("change", again); // a canvas keeps the colours it was drawn in
  document.addEventListener("htmx:afterSwap", (e) => { if (e.target.id === "audience-minutes") draw(); });
  new ResizeObserver(() => { if (chart && place.clientWidth) chart.setSize({ width: place.clientWidth, height }); }).observe(place);
})();
