// Round-trip times with the losses marked, and the same in words for those who cannot see it.
import { html, useState, useEffect, useRef } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query, serverPath } from "./api.js";
import { theme } from "./appearance.js";
import { span, when, clock, date } from "./words.js";

const ranges = [["1 h", 3_600, "1m"], ["24 h", 86_400, "10m"], ["7 d", 7 * 86_400, "1h"], ["30 d", 30 * 86_400, "6h"]];

export function Chart({ name }) {
  const [range, choose] = useState(0);
  const [history, keep] = useState(null);
  const [, seconds, step] = ranges[range];
  const minute = Math.floor(state.received / 15_000);
  useEffect(() => {
    let meant = true;
    const from = new Date(Date.parse(state.snapshot.generated_at) - seconds * 1000).toISOString();
    get(query(`${serverPath(name)}/probes`, { from, step })).then((h) => { if (meant) keep({ ...h, range }); }, () => { /* The old one stays. */ });
    return () => { meant = false; };
  }, [name, range, minute]);
  const sum = history && summary(history);
  return html`<h3>Round-trip times</h3>
    <div class="ranges" role="group" aria-label="Length of the chart">${ranges.map(([word], i) => html`<button type="button" aria-pressed=${i === range ? "true" : "false"} onClick=${() => choose(i)}>${word}</button>`)}</div>
    ${!history ? html`<p>Asking …</p>` : history.buckets.length === 0 ? html`<p>No pings are recorded in this time.</p>` : html`
      <${Plot} history=${history} label=${sum} />
      <p><small>${sum}</small></p>
      <${Losses} history=${history} />`}`;
}

function summary(h) {
  const sent = h.buckets.reduce((n, b) => n + b.sent, 0);
  const lost = h.buckets.reduce((n, b) => n + b.lost, 0);
  const answered = h.buckets.filter((b) => b.rtt_mean_s !== null);
  const times = answered.length ? `; mean ${span(answered.reduce((n, b) => n + b.rtt_mean_s, 0) / answered.length)}, longest ${span(Math.max(...answered.map((b) => b.rtt_max_s)))}` : "";
  return `${sent} pings, ${lost} lost (${sent ? ((100 * lost) / sent).toFixed(lost ? 2 : 0) : 0} %)${times}`;
}

function Losses({ history }) {
  const bad = history.buckets.filter((b) => b.lost > 0);
  if (!bad.length) return null;
  return html`<details class="fold"><summary>${bad.length === 1 ? "1 step" : `${bad.length} steps`} with losses</summary>
    <ul>${bad.slice(-50).reverse().map((b) => html`<li>${when(b.start)} ${b.address}: ${b.lost} of ${b.sent} lost${b.late ? `, ${b.late} of them answered too late` : ""}</li>`)}</ul></details>`;
}

// series are the columns for the plot: time, mean, longest, and the share of losses. What is missing stays a gap.
export function series(h) {
  const steps = new Map();
  for (const b of h.buckets) {
    const at = Date.parse(b.start) / 1000;
    const now = steps.get(at) ?? { mean: null, max: null, sent: 0, lost: 0 };
    if (b.rtt_mean_s !== null) {
      now.mean = Math.min(now.mean ?? Infinity, b.rtt_mean_s * 1000);
      now.max = Math.max(now.max ?? 0, b.rtt_max_s * 1000);
    }
    now.sent += b.sent;
    now.lost += b.lost;
    steps.set(at, now);
  }
  const columns = [[], [], [], []];
  let before = null;
  for (const at of [...steps.keys()].sort((a, b) => a - b)) {
    if (before !== null && at - before > 1.5 * h.step_s) [before + h.step_s, null, null, null].forEach((v, i) => columns[i].push(v));
    const { mean, max, sent, lost } = steps.get(at);
    [at, mean, max, lost > 0 && sent > 0 ? (100 * lost) / sent : null].forEach((v, i) => columns[i].push(v));
    before = at;
  }
  return columns;
}

function Plot({ history, label }) {
  const place = useRef(null);
  useEffect(() => {
    const at = place.current;
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const plot = new window.uPlot({
      width: Math.max(200, at.clientWidth), height: 170, legend: { show: false }, cursor: { show: false },
      padding: [10, 8, 0, 0],
      scales: { x: { time: true, range: () => [Date.parse(history.from) / 1000, Date.parse(history.to) / 1000] }, ms: { range: (u, low, high) => [0, Math.max(high ?? 1, 0.1) * 1.15] }, loss: { range: () => [0, 100] } },
      axes: [{ ...axis, values: (u, list) => list.map((t) => (Date.parse(history.to) - Date.parse(history.from) > 2 * 86_400_000 ? date(t * 1000).slice(5) : clock(t * 1000).slice(0, 5))) }, { ...axis, scale: "ms", size: 56, values: (u, list) => list.map((v) => `${v} ms`) }],
      series: [{},
        { scale: "ms", stroke: colour("--chart"), width: 2, points: { show: history.buckets.length < 3 } },
        { scale: "ms", stroke: colour("--chart"), width: 1, dash: [3, 3], points: { show: false } },
        { scale: "loss", stroke: colour("--bad"), fill: colour("--bad"), width: 1, paths: window.uPlot.paths.bars({ size: [0.9, 14, 3] }), points: { show: false } }],
    }, series(history), at);
    const fit = new ResizeObserver(() => { if (at.clientWidth > 0 && at.clientWidth !== plot.width) plot.setSize({ width: Math.max(200, at.clientWidth), height: 170 }); });
    fit.observe(at);
    return () => { fit.disconnect(); plot.destroy(); };
  }, [history, theme(), matchMedia("(prefers-color-scheme: dark)").matches]);
  return html`<div class="plot" ref=${place} role="img" aria-label=${label}></div>
    <p class="key"><small><span class="line mean"></span> mean <span class="line longest"></span> longest <span class="line lost"></span> share of losses, 0 to 100 %</small></p>`;
}
