// The list of servers: state, readiness, the last pings, the age of the data, what to do.
import { html, useState } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { Mark } from "./shape.js";
import { toServer } from "./place.js";
import { Menu } from "./menu.js";
import { DrillAge } from "./details.js";
import { look, readiness, treeLook, serves, span, clock } from "./words.js";

export function ServerList({ selected, chosen }) {
  const { servers, standby } = state.snapshot;
  const [menu, open] = useState(null); // {name, from}
  const of = menu && servers.find((s) => s.name === menu.name);
  return html`<section class="list" aria-label="Servers">
    <table role="table">
      <thead role="rowgroup"><tr role="row">
        ${["Server", "State", "Served by", "Readiness", "Last pings", "Data", "Drill"].map((h) => html`<th role="columnheader" scope="col">${h}</th>`)}
      </tr></thead>
      <tbody role="rowgroup">
        ${servers.map((s) => html`<${Row} key=${s.name} s=${s} standby=${standby.name} selected=${s === selected} chosen=${chosen} menu=${menu?.name === s.name} open=${open} />`)}
      </tbody>
    </table>
    ${of && html`<${Menu} key=${of.name} server=${of} from=${menu.from} close=${() => open(null)} />`}
  </section>`;
}

function Row({ s, standby, selected, chosen, menu, open }) {
  const go = (event) => {
    if (!event.target.closest("a, button")) location.hash = toServer(s.name);
  };
  const show = (event) => {
    event.preventDefault();
    open(menu ? null : { name: s.name, from: event.currentTarget.closest("tr").querySelector(".more") });
  };
  const worst = s.readiness.checks.filter((c) => c.result === "critical" || c.result === "warning").length;
  return html`<tr role="row" class=${selected ? "selected" : ""} onClick=${go} onContextMenu=${show}>
    <th role="rowheader" scope="row"><button type="button" class="more" aria-haspopup="menu" aria-expanded=${menu ? "true" : "false"} aria-label=${`Actions of ${s.name}`} onClick=${show}>⋯</button><a href=${toServer(s.name)} aria-current=${selected && chosen ? "true" : undefined}>${s.name}</a><small>${s.address}</small></th>
    <td role="cell" data-head="State"><${Mark} as=${look(s)} /></td>
    <td role="cell" data-head="Served by">${serves(s, standby)}</td>
    <td role="cell" data-head="Readiness"><${Mark} as=${readiness(s.readiness.verdict)} />${worst > 0 && html` <small>(${worst})</small>`}</td>
    <td role="cell" data-head="Last pings"><${Beats} s=${s} /></td>
    <td role="cell" data-head="Data"><${DataAge} s=${s} /></td>
    <td role="cell" data-head="Drill"><${DrillAge} s=${s} /></td>
  </tr>`;
}

const shown = 30;

// Beats are the last pings: full height and filled where answered, a low cross-hatched gap where missed.
export function Beats({ s }) {
  const beats = s.beats.slice(-shown);
  if (!beats.length) return html`<small>none yet</small>`;
  const missed = beats.filter((b) => b.outcome === "missed").length;
  const unknown = beats.filter((b) => b.outcome === "unknown").length;
  const last = beats[beats.length - 1];
  const text = `${beats.length} pings until ${clock(last.at)}: ${missed ? `${missed} missed` : "none missed"}${unknown ? `, ${unknown} could not be asked` : ""}`;
  return html`<span class="pings">
    <svg class="beats" viewBox=${`0 0 ${shown * 4} 16`} role="img" aria-label=${text}>
      ${beats.map((b, i) => {
        const x = (shown - beats.length + i) * 4;
        if (b.outcome === "answered") return html`<rect class="answered" x=${x + 0.5} y="1" width="3" height="14" rx="1" />`;
        if (b.outcome === "missed") return html`<path class="missed" d=${`M${x + 0.5} 5l3 6m0-6l-3 6`} />`;
        return html`<rect class="unknown" x=${x + 0.5} y="11" width="3" height="4" />`;
      })}
    </svg>
    <small>${s.misses > 0 ? `${s.misses} of ${s.fail_after} missed` : s.rtt_s !== null ? span(s.rtt_s) : ""}</small>
  </span>`;
}

// DataAge is the oldest copy of a database against its limit; of files alone, the one that is furthest behind.
function DataAge({ s }) {
  const files = s.files.map(treeLook);
  const bad = files.find((f) => f.tone === "bad") ?? files.find((f) => f.tone === "warn");
  if (!s.copies.length) {
    if (!files.length) return html`<small>no copies configured</small>`;
    const furthest = s.files.reduce((a, b) => ((b.lag_s ?? 0) > (a.lag_s ?? 0) ? b : a));
    return html`<${Mark} as=${bad ?? files[0]}>files ${bad ? bad.word : furthest.lag_s === null ? furthest.state : `${span(furthest.lag_s)} behind`}<small>limit ${span(furthest.max_lag_s)}</small><//>`;
  }
  const never = s.copies.filter((c) => c.age_s === null);
  if (never.length) return html`<${Mark} as=${{ shape: "cross", tone: "bad" }}>never copied<//>`;
  const oldest = s.copies.reduce((a, b) => (b.age_s > a.age_s ? b : a));
  const over = oldest.max_age_s !== null && oldest.age_s > oldest.max_age_s;
  const as = over ? { shape: "cross", tone: "bad" } : s.copies.some((c) => c.late) ? { shape: "triangle", tone: "warn" } : { shape: "check", tone: "good" };
  return html`<${Mark} as=${as}>${span(oldest.age_s)} old<small>${oldest.max_age_s === null ? "no limit" : `limit ${span(oldest.max_age_s)}`}</small>${bad ? html`<small>files ${bad.word}</small>` : ""}<//>`;
}
