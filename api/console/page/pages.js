// Lists that go back in time, a page at a time. What was loaded stays while new records come, in order and each once.
import { html, useState, useEffect, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { state } from "./store.js";

const most = 1000; // that the API tells at a time

// slowly is the moment of a list that changes when something has happened, and now and then.
export const slowly = () => `${state.snapshot.seq} ${Math.floor(state.revision / 8)}`;

// usePages reads the list that ask({before, limit}) tells under the name of part, size records at a time, anew at each other
// moment. key is what the list is of: another one begins at its newest record. If what was told once may change, all that is
// shown is asked for again, as far as one answer goes.
export function usePages({ key, part, id, ask, moment, size = 50, changes = true }) {
  const [kept, keep] = useState({ key });
  const list = kept.key === key ? kept : { key };
  useEffect(() => {
    let meant = true;
    const limit = changes && list.further ? Math.min(Math.max(list.records.length, size), most) : size;
    ask({ limit }).then(
      (page) => { if (meant) keep((old) => renewed(old.key === key ? old : { key }, page[part], page.next, id)); },
      (p) => { if (meant) keep((old) => ({ ...(old.key === key ? old : { key }), problem: p.message })); });
    return () => { meant = false; };
  }, [key, moment]);
  const earlier = async () => {
    const { next } = list;
    try {
      const page = await ask({ before: next, limit: size });
      // A second click has asked for the same ones, or the list has begun anew meanwhile.
      keep((old) => (old.key === key && old.next === next ? { ...old, records: [...old.records, ...page[part]], next: page.next, further: true, problem: "" } : old));
    } catch (p) {
      keep((old) => ({ ...old, problem: p.message }));
    }
  };
  return { records: list.records ?? null, next: list.next ?? null, further: list.further ?? false, problem: list.problem ?? "", earlier };
}

// renewed puts the newest records above what was loaded of older ones. Where the two do not meet, records are missing between
// them, and the list begins anew.
export function renewed(old, records, next, id) {
  const fresh = { key: old.key, records, next };
  if (!old.further || !records.length) return fresh;
  const met = old.records.findIndex((r) => id(r) === id(records[records.length - 1]));
  if (met < 0) return { ...fresh, further: records.length >= old.records.length };
  const rest = old.records.slice(met + 1);
  return { ...fresh, records: [...records, ...rest], next: rest.length ? old.next : next, further: true };
}

// Told says that a list is being asked for, that it could not be, or that it is empty.
export function Told({ list, none }) {
  return html`<div>${list.problem && html`<p class="problem" role="alert">${list.problem}</p>`}
    ${list.records === null ? !list.problem && html`<p>Asking …</p>` : list.records.length === 0 && html`<p role="status">${none}</p>`}</div>`;
}

// Earlier is the button that goes on. At the end it is gone, and the focus is on the words that say so.
export function Earlier({ list, what }) {
  const end = useRef(null);
  const over = list.further && list.next === null;
  const [was, note] = useState(over);
  useLayoutEffect(() => {
    if (over && !was) end.current.focus();
    note(over);
  }, [over]);
  if (!list.records?.length) return null;
  return html`<p class="earlier">${list.next !== null && html`<button type="button" data-earlier=${what} onClick=${list.earlier}>Show earlier ${what}</button> `}
    <small ref=${end} role="status" tabindex="-1">${list.further ? (over ? `All ${list.records.length} ${what} are shown.` : `${list.records.length} are shown.`) : ""}</small></p>`;
}
