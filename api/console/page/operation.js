// One operation as a run-book: each step with its time and what came of it.
import { html, useState } from "./vendor/htm-preact.js";
import { state, serverNow } from "./store.js";
import { get, operationPath } from "./api.js";
import { Mark } from "./shape.js";
import { Ask, mayNot } from "./actions.js";
import { toServer, toEvents } from "./place.js";
import { useRecord } from "./details.js";
import { result, when, clock, zone, span, bytes, number, operationWord, serves } from "./words.js";

const ended = (state) => !["queued", "running", "cancelling", "unknown"].includes(state);

export function OperationPage({ id }) {
  const [problem, tell] = useState(null);
  const o = useRecord(() => get(operationPath(id)).catch((p) => { tell(p); throw p; }), id);
  if (!o) return html`<section class="operation" key="asking"><h1>Operation</h1><p role="status">${problem ? `${problem.message}.` : "Asking …"}</p><p><a href="#/">Overview</a></p></section>`;
  const s = state.snapshot.servers.find((v) => v.name === o.server);
  const until = o.ended_at ? Date.parse(o.ended_at) : serverNow();
  const done = o.steps.filter((d) => d.state === "succeeded").length;
  // A failback that has begun to start the primary's application, and a hand-over whose stand-in has been started, are not
  // taken back any more.
  const final = o.steps.find((d) => d.name === { failback: "application", handover: "start" }[o.kind]);
  const past = final && (o.kind === "handover" ? final.state === "succeeded" : final.state !== "queued" && final.state !== "skipped");
  const why = mayNot() || (o.state === "cancelling" ? "it is being cancelled" : past ? "it is past its point of no return" : "");
  return html`<section class="operation" key="told">
    <h1>${operationWord(o.kind)[0].toUpperCase() + operationWord(o.kind).slice(1)} of <a href=${toServer(o.server)}>${o.server}</a></h1>
    <p class="result"><${Mark} as=${result(o.state)}><b>${o.state}</b><//> ${ended(o.state) ? `after ${span((until - Date.parse(o.started_at)) / 1000)}` : `step ${Math.min(done + 1, o.steps.length)} of ${o.steps.length}, for ${span((until - Date.parse(o.started_at)) / 1000)}`}</p>
    ${o.error && html`<p class="problem">${o.error}</p>`}
    ${o.state === "unknown" && html`<p>It is not known what became of the step that a crash interrupted. failoverd is examining it.</p>`}
    ${o.progress && html`<${Progress} p=${o.progress} />`}
    <ol class="steps">${o.steps.map((d, i) => html`<li key=${d.name} data-state=${d.state}>
      <span class="no">${i + 1}</span>
      <${Mark} as=${result(d.state)} />
      <span class="what"><b>${d.title || d.name}</b>${d.note && html`<br />${d.note}`}${d.error && html`<br /><span class="problem">${d.error}</span>`}
        ${d.bytes > 0 && html`<br /><small>${bytes(d.bytes)}${d.rows > 0 ? `, ${number(d.rows)} rows` : ""}</small>`}</span>
      <span class="times">${d.started_at ? html`<time datetime=${d.started_at}>${clock(d.started_at)}</time> <small>${span(((d.ended_at ? Date.parse(d.ended_at) : until) - Date.parse(d.started_at)) / 1000)}</small>` : ""}</span></li>`)}
    </ol>
    <dl>
      <dt>Asked for by</dt><dd>${o.by.name || o.by.kind}${o.by.via ? `, ${o.by.via}` : ""}${o.by.from ? ` from ${o.by.from}` : ""}</dd>
      ${o.reason && html`<dt>Why</dt><dd>${o.reason}</dd>`}
      ${o.accept?.length > 0 && html`<dt>Accepted</dt><dd>${o.accept.map((a) => html`<code>${a}</code> `)}</dd>`}
      <dt>Began</dt><dd>${when(o.started_at)} ${zone()}</dd>
      ${o.ended_at && html`<dt>Ended</dt><dd>${when(o.ended_at)} ${zone()}</dd>`}
      ${o.resumed > 0 && html`<dt>Taken up again</dt><dd>${o.resumed} times after a crash</dd>`}
      ${s && html`<dt>Who serves now</dt><dd>${serves(s, state.snapshot.standby.name)}: ${s.summary}</dd>`}
      <dt>Identifier</dt><dd><code>${o.id}</code></dd>
    </dl>
    <p class="buttons">${!ended(o.state) && html`<${Ask} order=${{ action: "cancel", operation: o }} why=${why} id="cancel">Cancel the ${operationWord(o.kind)}<//>
      ${final && !past && html`<small>until step ${o.steps.indexOf(final) + 1}: ${final.title || final.name}</small>`}`}
      <a href=${toEvents({ server: o.server })}>History of ${o.server}</a></p>
  </section>`;
}

// Progress is how far a step has come, and what that rests on.
export function Progress({ p }) {
  if (!p) return null;
  const text = `${p.phase}${p.object ? ` ${p.object}` : ""}: ${bytes(p.done_bytes)}${p.total_bytes > 0 ? ` of ${bytes(p.total_bytes)}` : ""}${
    p.rows > 0 ? `, ${number(p.rows)} rows` : ""}${p.rate_bytes_per_s > 0 ? `, ${bytes(p.rate_bytes_per_s)}/s` : ""}${p.remaining_s !== null ? `, about ${span(p.remaining_s)} left` : ""}`;
  return html`<span class="progress"><progress aria-label=${p.step} max="100" value=${p.percent ?? undefined}></progress> <small>${p.percent !== null ? `${Math.floor(p.percent)} %, ` : ""}${text}</small></span>`;
}
