// What a panel shows or hides: a row of checkboxes, each with the mark that it stands for.

import { explain, termOfToggle } from "./glossary.js";
import { tellWhereMore } from "./scrolling.js";

const SVG = "http://www.w3.org/2000/svg";

// Each mark as it is drawn on the canvas, in a box of 14 by 14.
const GLYPHS = {
  dot: { d: "M7 3.5a3.5 3.5 0 1 0 .01 0Z" },
  diamond: { d: "M7 2l5 5-5 5-5-5Z" },
  ring: { d: "M7 3a4 4 0 1 0 .01 0Z", line: true },
  triangle: { d: "M7 2.5l5 9H2Z" },
  plus: { d: "M7 2.5v9M2.5 7h9", line: true },
  square: { d: "M3.5 3.5h7v7h-7Z" },
  line: { d: "M1.5 11L12.5 3", line: true },
  mesh: { d: "M1 4.5h12M1 9.5h12M4.5 1v12M9.5 1v12", line: true },
  contour: { d: "M7 1.5c4 0 6 2.5 6 5.5s-3 5.5-6 5.5-6-2-6-5.5 2-5.5 6-5.5ZM7 4.5c2 0 3 1 3 2.5s-1.5 2.5-3 2.5-3-1-3-2.5 1-2.5 3-2.5Z", line: true },
  dashes: { d: "M7 2a5 5 0 1 0 .01 0Z", line: true, dash: "2.5 2" },
  heat: { d: "M1.5 1.5h11v11h-11Z" },
  hatch: { d: "M1 6l5-5M1 13L13 1M8 13l5-5", line: true },
};

function glyph(name, colour) {
  const { d, line = false, dash } = GLYPHS[name];
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 14 14");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", d);
  path.setAttribute("fill", line ? "none" : colour);
  if (line) {
    path.setAttribute("stroke", colour);
    path.setAttribute("stroke-width", "1.5");
  }
  if (dash) path.setAttribute("stroke-dasharray", dash);
  svg.append(path);
  return svg;
}

/**
 * A row of checkboxes that keep store.view.toggles.
 * @param {HTMLElement} row
 * @param {object} store
 * @param {{name: string, label: string, mark: string, colour: string, on: boolean}[]} toggles
 *   `on`: whether it is, as long as nobody said anything
 * @returns {{isOn: (name: string) => boolean, allow: (name: string, reason: string|null) => void,
 *   rename: (name: string, label: string) => void}}
 *   whether a toggle is on and can be; a way to say why one cannot be used now; and one to call it otherwise
 */
export function addToggles(row, store, toggles) {
  const boxes = new Map();
  const reasons = new Map();
  // Toggles of other panels are off as long as nobody turned them on.
  const defaults = new Map(toggles.map(({ name, on }) => [name, on]));
  const chosen = (name) => store.get().view?.toggles?.[name] ?? defaults.get(name) ?? false;

  for (const { name, label, mark, colour } of toggles) {
    const chip = document.createElement("label");
    const box = document.createElement("input");
    chip.className = "chip";
    box.type = "checkbox";
    box.name = name;
    box.checked = chosen(name);
    box.addEventListener("change", () => {
      const { view } = store.get();
      store.set({ view: { ...view, toggles: { ...view.toggles, [name]: box.checked } } });
    });
    const words = document.createTextNode(` ${label}`);
    chip.append(box, glyph(mark, colour), words);
    const word = termOfToggle(name);
    if (word) explain(chip, word);
    row.append(chip);
    boxes.set(name, { box, chip, words });
  }
  tellWhereMore(row);

  store.subscribe((_, changed) => {
    if (!changed.has("view")) return;
    for (const [name, { box }] of boxes) box.checked = chosen(name);
  });

  return {
    isOn: (name) => chosen(name) && !reasons.has(name),
    allow: (name, reason) => {
      if ((reasons.get(name) ?? null) === reason) return;
      const { box, chip } = boxes.get(name);
      box.disabled = reason !== null;
      chip.title = reason ?? "";
      box.title = reason ?? "";
      if (reason === null) reasons.delete(name);
      else reasons.set(name, reason);
    },
    rename: (name, label) => {
      boxes.get(name).words.data = ` ${label}`;
    },
  };
}

/** Put text into an element only where it changed, so that nothing is laid out or read aloud anew without need. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node|string)[]} children
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
