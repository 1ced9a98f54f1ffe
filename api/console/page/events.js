// The history of events, with filters that stand in the address.
import { html } from "./vendor/htm-preact.js";
import { state } from "./store.js";
import { get, query } from "./api.js";
import { Line } from "./log.js";
import { usePages, Told, Earlier } from "./pages.js";
import { Choice, servers } from "./history.js";
import { toEvents } from "./place.js";
import { date } from "./words.js";

const kinds = [
  ["", "all kinds"], ["takeover.*", "takeovers"], ["release.*", "releases"], ["server.*", "servers"], ["replicat*", "replications"], ["decision.*", "decisions"],
  ["address.*", "addresses"], ["standby.*", "the standby itself"], ["daemon.*", "the daemon"], ["config.*", "configuration"], ["alert*", "alerts"], ["audit.*", "access"],
];
const spans = [["", "all"], ["1", "1 hour"], ["24", "24 hours"], ["168", "7 days"], ["720", "30 days"]];

// EventsPage shows what fits the filter; to is the address of another filter. Of one server alone, it does not ask which.
export function EventsPage({ filter, to = toEvents, of }) {
  const list = usePages({
    key: JSON.stringify([of, filter]), part: "events", id: (e) => e.seq, size: 100, changes: false, moment: state.events.find((e) => !e.gap)?.seq,
    ask: (page) => get(query("/events", {
      server: of ?? filter.server, kind: filter.kind, since: filter.hours ? new Date(Date.now() - filter.hours * 3_600_000).toISOString() : undefined, ...page,
    })),
  });
  const none = html`Nothing of this has happened. ${Object.keys(filter).length > 0 && html`<a href=${to({})}>Show all</a>`}`;
  let day = "";
  return html`<section class="log history" aria-label="Events">
    <div class="bar">
      ${!of && html`<${Choice} label="Server" name="server" options=${servers()} filter=${filter} to=${to} />`}
      <${Choice} label="Kind" name="kind" options=${kinds} filter=${filter} to=${to} /> <${Choice} label="Last" name="hours" options=${spans} filter=${filter} to=${to} /></div>
    <${Told} list=${list} none=${none} />
    <ul>${(list.records ?? []).map((e) => {
      const on = date(e.time);
      const head = on === day ? "" : html`<li class="day" key=${on}>${on}</li>`;
      day = on;
      return html`${head}<${Line} key=${e.seq} e=${e} />`;
    })}</ul>
    <${Earlier} list=${list} what="events" />
  </section>`;
}
