// A table that becomes a list of cards on a phone, and stays a table to those who hear it.
import { html } from "./vendor/htm-preact.js";

// Table draws rows of {key, cells}; the first cell names its row.
export function Table({ label, heads, rows }) {
  return html`<div class="wide"><table role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${heads.map((h) => html`<th role="columnheader" scope="col">${h}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map((r) => html`<tr role="row" key=${r.key}>
      ${r.cells.map((cell, i) => (i === 0 ? html`<th role="rowheader" scope="row">${cell}</th>` : html`<td role="cell" data-head=${heads[i]}>${cell}</td>`))}
    </tr>`)}</tbody></table></div>`;
}
