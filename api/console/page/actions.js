// What can be ordered of a server. What cannot be ordered now stays visible, with the reason.
import { html } from "./vendor/htm-preact.js";
import { state, changed } from "./store.js";

const names = [
  ["suspend", "Suspend"], ["resume", "Resume"], ["stop", "Stop"],
  ["failover", "Failover now"], ["release", "Release"],
  ["replicate-from-live", "Replicate from live"], ["replicate-to-live", "Replicate to live"], ["rollback", "Roll back copies"],
  ["drill", "Drill"],
];

// whyNot says why an action cannot be ordered now; empty if it can.
export function whyNot(s, action) {
  if (state.staleSince) return "no connection";
  if (state.session.role === "viewer") return `${state.session.name} may only look (viewer); this needs an operator`;
  const known = s.actions.find((a) => a.name === action);
  if (known) return known.allowed ? "" : known.why_not;
  if (action === "rollback") {
    if (!s.copies.length) return "no database is configured";
    if (!s.copies.some((c) => c.previous_at)) return "no previous copy is kept";
    if (s.role !== "standing by") return `the standby is ${s.role}`;
    return s.operation || s.replication ? "an operation is running" : "";
  }
  if (action === "drill" && !s.drill) return "there is nothing to rehearse";
  return "";
}

export function Actions({ server: s }) {
  const order = (action) => { state.dialog = { key: `${action} ${s.name} ${Date.now()}`, action, name: s.name }; changed(); };
  return html`<ul class="actions" aria-label=${`Actions of ${s.name}`}>
    ${names.map(([action, word]) => {
      const why = whyNot(s, action);
      const id = `why-${action}`;
      return html`<li key=${action}>
        <button type="button" data-action=${action} aria-disabled=${why ? "true" : undefined} aria-describedby=${why ? id : undefined}
          onClick=${() => { if (!why) order(action); }}>${word}${why ? "" : " …"}</button>
        ${why && html`<small id=${id}>${why}</small>`}</li>`;
    })}
  </ul>`;
}
