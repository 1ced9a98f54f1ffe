// What can be ordered. What cannot be ordered now stays visible, with the reason.
import { html } from "./vendor/htm-preact.js";
import { state, changed } from "./store.js";

export const names = [
  ["suspend", "Suspend"], ["resume", "Resume"], ["stop", "Stop"],
  ["failover", "Failover now"], ["handover", "Hand over"], ["release", "Release"], ["failback", "Fail back"],
  ["replicate-from-live", "Replicate from live"], ["replicate-to-live", "Replicate to live"], ["rollback", "Roll back copies"],
  ["drill", "Drill"],
];

const ranks = ["viewer", "operator", "admin"];

// mayNot says why nobody may order something now, or not this user; empty if they may.
export function mayNot(role = "operator") {
  if (state.staleSince) return "no connection";
  const { name, role: own } = state.session;
  if (ranks.indexOf(own) >= ranks.indexOf(role)) return "";
  return own === "viewer" ? `${name} may only look (viewer); this needs an ${role}` : `${name} is no ${role}; this needs one`;
}

// whyNot says why an action cannot be ordered of a server now; empty if it can.
export function whyNot(s, action) {
  const barred = mayNot();
  if (barred) return barred;
  const known = s.actions.find((a) => a.name === action);
  // What is refused unless it is accepted by name can be accepted in the dialog.
  if (known) return known.allowed || / accept [a-z-]+$/.test(known.why_not) ? "" : known.why_not;
  if (action === "rollback") {
    if (!s.copies.length) return "no database is configured";
    if (!s.copies.some((c) => c.previous_at)) return "no previous copy is kept";
    if (s.role !== "standing by") return `the standby is ${s.role}`;
    return s.operation || s.replication ? "an operation is running" : "";
  }
  if (action === "drill" && !s.drill) return "there is nothing to rehearse";
  return "";
}

// ask opens the dialog of an order.
export function ask(order) {
  state.dialog = { key: `${order.action} ${order.name ?? ""} ${Date.now()}`, ...order };
  changed();
}

export function Actions({ server: s }) {
  return html`<ul class="actions" aria-label=${`Actions of ${s.name}`}>
    ${names.map(([action, word]) => html`<li key=${action}><${Ask} order=${{ action, name: s.name }} why=${whyNot(s, action)} id=${action}>${word}<//></li>`)}
  </ul>`;
}

// Ask is the button that opens the dialog of an order, or says why it does not. id tells it from others of the page.
export function Ask({ order, why, id, plain, children }) {
  return html`<button type="button" class=${plain ? "plain" : undefined} data-action=${id} aria-disabled=${why ? "true" : undefined} aria-describedby=${why ? `why-${id}` : undefined}
      onClick=${() => { if (!why) ask(order); }}>${children}${why ? "" : " …"}</button>
    ${why && html`<small id=${`why-${id}`}>${why}</small>`}`;
}
