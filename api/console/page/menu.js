// The menu of a row: everything that can be asked of its server, without leaving the list. It is opened by its button, by
// the right mouse button and by the key for menus; arrows move in it, Escape leaves it, and the focus is where it was.
import { html, useLayoutEffect, useRef } from "./vendor/htm-preact.js";
import { names, whyNot, mayNot, ask } from "./actions.js";
import { toServer } from "./place.js";

// parts are the groups of the menu, each an item's key, word and what it does: an order, or a place to go to.
function parts(s) {
  const order = (action) => ({ key: action, word: names.find(([name]) => name === action)[1], why: whyNot(s, action), order: { action, name: s.name } });
  return [
    [{ key: "open", word: "Open", to: toServer(s.name, "overview") },
      { key: "test", word: "Test every connection", why: mayNot(), order: { action: "test", name: s.name } },
      ...["suspend", "resume", "stop"].map(order)],
    ["failover", "handover", "release", "failback"].map(order),
    ["replicate-from-live", "replicate-to-live", "rollback"].map(order),
    [order("drill"), { key: "settings", word: "Change or remove", to: toServer(s.name, "settings") }],
  ];
}

// Menu hangs at the button that it was opened by.
export function Menu({ server: s, from, close }) {
  const box = useRef(null);
  const items = () => [...box.current.querySelectorAll("[role=menuitem]")];
  useLayoutEffect(() => { // before the next key
    const menu = box.current;
    menu.showPopover();
    const hang = () => {
      const at = from.getBoundingClientRect();
      const room = 8; // to the edges of the window
      menu.style.left = `${Math.max(room, Math.min(at.left, innerWidth - menu.offsetWidth - room))}px`;
      menu.style.top = `${Math.max(room, Math.min(at.bottom + 2, innerHeight - menu.offsetHeight - room))}px`;
    };
    hang();
    items()[0].focus();
    addEventListener("resize", hang);
    return () => removeEventListener("resize", hang);
  }, []);

  const leave = () => { from.focus(); close(); };
  const choose = (item) => {
    if (item.why) return;
    leave(); // The dialog gives the focus back to where it is now.
    if (item.to) location.hash = item.to;
    else ask(item.order);
  };
  const pressed = (event) => {
    const all = items();
    const now = all.indexOf(document.activeElement);
    const go = (i) => { event.preventDefault(); all.at(i % all.length).focus(); };
    if (event.key === "ArrowDown") go(now + 1);
    else if (event.key === "ArrowUp") go(now - 1);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(-1);
    else if (event.key === "Escape") { event.preventDefault(); leave(); }
    else if (event.key === "Tab") leave(); // and on, from the button
    else if (event.key.length === 1 && event.key !== " ") {
      const next = [...all.slice(now + 1), ...all.slice(0, now + 1)].find((b) => b.textContent.toLowerCase().startsWith(event.key.toLowerCase()));
      next?.focus();
    }
  };
  const left = (event) => { if (!box.current?.contains(event.relatedTarget) && event.relatedTarget !== from) close(); };
  return html`<div class="menu" popover="manual" role="menu" ref=${box} aria-label=${`Actions of ${s.name}`} onKeyDown=${pressed} onFocusOut=${left}>
    ${parts(s).map((group, i) => html`${i > 0 && html`<hr role="separator" />`}${group.map((item) => html`<button type="button" role="menuitem" tabindex="-1" key=${item.key} data-item=${item.key}
      aria-disabled=${item.why ? "true" : undefined} onClick=${() => choose(item)}>${item.word}${item.order && !item.why ? " …" : ""}${item.why ? html`<small>${item.why}</small>` : ""}</button>`)}`)}
  </div>`;
}
