// What the page knows: the last snapshot and when it came, the events, who is signed in. Everything shown is drawn from here.
import { get, request, query } from "./api.js";
import { follow } from "./stream.js";

export const state = {
  session: undefined, // undefined: not asked yet; null: nobody is signed in
  snapshot: null,
  received: 0,        // performance.now() of the last snapshot
  staleSince: null,   // Date since when nothing was heard, null while all is fresh
  events: [],         // the newest first; a gap is {gap: true, …}
  connected: false,   // the stream of events
  dialog: null,
  revision: 0,        // counts what has happened: pages that ask for more look at it
};

const every = 2_000;        // between two snapshots
const atOnce = 250;         // after an event
const hiddenEvery = 10_000; // while nobody looks
const freshFor = 6_000;     // a snapshot older than this is not shown as fresh
const eventsKept = 500;

const listeners = new Set();
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
export function changed() {
  for (const listener of listeners) listener();
}

// serverNow is the standby's own time, as far as it is known: ages must not depend on this computer's clock. It stands
// still while nothing is heard.
export function serverNow() {
  const at = Date.parse(state.snapshot.generated_at);
  return state.staleSince ? at : at + (performance.now() - state.received);
}

const polling = { timer: null, due: 0, asking: false, again: false };
let stopStream = null;

export async function start() {
  document.addEventListener("visibilitychange", () => { stream(); poll(0); });
  setInterval(() => {
    if (state.snapshot && performance.now() - state.received > (document.hidden ? hiddenEvery + freshFor : freshFor)) lost();
    changed();
  }, 1_000);
  await who();
}

// who finds out who is signed in, and begins to look.
export async function who() {
  try {
    const session = await get("/session");
    state.session = session.role === "none" ? null : session;
  } catch {
    setTimeout(who, every);
    return;
  }
  changed();
  if (state.session) poll(0);
}

export async function signIn(token) {
  state.session = (await request("POST", "/session", { body: { token } })).body;
  changed();
  poll(0);
}

export async function signOut() {
  await request("DELETE", "/session");
  ended();
}

// ended shows the door again: the session is over, whoever ended it.
export function ended() {
  clearTimeout(polling.timer);
  polling.timer = null;
  stopStream?.();
  Object.assign(state, { session: null, snapshot: null, events: [], connected: false, dialog: null, staleSince: null });
  stopStream = null;
  changed();
}

function lost() {
  state.staleSince ??= new Date(Date.now() - (performance.now() - state.received));
}

// poll asks for a snapshot in that many milliseconds at the latest, and then again and again. However many events come,
// one request is under way at a time.
export function poll(after) {
  if (polling.asking) {
    polling.again = true;
    return;
  }
  const due = performance.now() + after;
  if (polling.timer && due >= polling.due) return;
  clearTimeout(polling.timer);
  polling.due = due;
  polling.timer = setTimeout(ask, after);
}

async function ask() {
  const asked = performance.now();
  polling.timer = null;
  polling.asking = true;
  try {
    const snapshot = await get("/status");
    if (!state.session) return;
    Object.assign(state, { snapshot, received: asked, staleSince: null });
    state.revision++;
    stream();
  } catch (problem) {
    if (problem.status === 401) return ended();
    if (state.snapshot) lost();
    else state.staleSince ??= new Date();
  } finally {
    polling.asking = false;
  }
  changed();
  const soon = polling.again;
  polling.again = false;
  poll(soon ? atOnce : document.hidden ? hiddenEvery : every);
}

// stream opens the stream of events if somebody looks, and closes it otherwise: a browser has few connections for a host.
async function stream() {
  if (document.hidden) {
    stopStream?.();
    stopStream = null;
    return;
  }
  if (stopStream || !state.snapshot || !state.session) return;
  stopStream = () => {};
  const known = state.events.find((e) => !e.gap);
  try {
    const list = known ? [] : (await get(query("/events", { limit: 100 }))).events;
    if (!known) state.events = list;
  } catch {
    stopStream = null; // The next snapshot tries again.
    return;
  }
  const newest = state.events.find((e) => !e.gap);
  stopStream = follow(Math.max(newest?.seq ?? 0, state.place ?? 0) || state.snapshot.seq, {
    event(e) {
      state.events = [e, ...state.events].slice(0, eventsKept);
      state.place = e.seq;
      poll(atOnce);
      changed();
    },
    gap(oldest) {
      state.events = [{ gap: true, seq: -oldest, oldest, time: new Date().toISOString() }, ...state.events];
      changed();
    },
    place(seq) { state.place = seq; },
    connected(is) { state.connected = is; changed(); },
    refused() { ended(); },
  });
  changed();
}
