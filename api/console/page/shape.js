// The shapes that stand beside every word: they differ without colour.
import { html } from "./vendor/htm-preact.js";

const drawn = {
  check: ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z", "M4.8 8.2 7 10.4l4.3-4.6"],
  cross: ["M5 1h6l4 4v6l-4 4H5l-4-4V5Z", "M5.5 5.5l5 5m0-5l-5 5"],
  triangle: ["M8 1.2 15.4 14.5H.6Z", "M8 6v4m0 2v.4"],
  swap: ["M1 3.5A2.5 2.5 0 0 1 3.5 1h9A2.5 2.5 0 0 1 15 3.5v9a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 1 12.5Z", "M4 6h7L9 4m3 6H5l2 2"],
  turning: ["", "M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.6 1.6v3h-3"],
  pause: ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z", "M6.2 5.2v5.6m3.6-5.6v5.6"],
  square: ["M2 2h12v12H2Z", ""],
  circle: ["", "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Z"],
  question: ["M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1Z", "M6 6.2a2 2 0 1 1 2.8 1.9c-.6.3-.8.6-.8 1.3m0 2v.3"],
  shield: ["M8 .8 14 3v5c0 3.6-2.6 6-6 7.2C4.6 14 2 11.6 2 8V3Z", "M5 8l2.2 2.2 4-4.4"],
  shieldwarn: ["M8 .8 14 3v5c0 3.6-2.6 6-6 7.2C4.6 14 2 11.6 2 8V3Z", "M8 4.5v4m0 2v.4"],
  shieldbroken: ["", "M8 1.5 13.5 3.5v4.5c0 3.3-2.4 5.5-5.5 6.6-3.1-1.1-5.5-3.3-5.5-6.6V3.5ZM3 14 13.5 2"],
};

export function Shape({ name }) {
  const [filled, lined] = drawn[name] ?? drawn.question;
  return html`<svg class=${`shape ${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    ${filled && html`<path class="filled" d=${filled} />`}${lined && html`<path class=${filled ? "cut" : "lined"} d=${lined} />`}
  </svg>`;
}

// Mark is a shape with its word.
export function Mark({ as, children }) {
  return html`<span class=${`mark ${as.tone}`}><${Shape} name=${as.shape} /><span>${children ?? as.word}</span></span>`;
}
