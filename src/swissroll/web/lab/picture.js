// The picture of a panel: a canvas that takes keys, the numbers written over it, and where its toggles and words go.

import { Surface } from "./canvas.js";
import { make } from "./toggles.js";

/**
 * Put a picture into a panel.
 * @param {HTMLElement} element with a .toggles, a .host and a .description
 * @param {string} label what it shows, and which keys do what
 * @returns {{canvas: HTMLCanvasElement, surface: Surface, readout: HTMLElement, host: HTMLElement, row: HTMLElement,
 *   description: HTMLElement}} `row`: that of the toggles
 */
export function addPicture(element, label) {
  const [host, row, description] = [".host", ".toggles", ".description"].map((part) => element.querySelector(part));
  const canvas = make("canvas", { tabindex: "0", role: "application", "aria-label": label, class: "picture" });
  const readout = make("p", { class: "readout" });
  host.append(canvas, readout);
  return { canvas, surface: new Surface(canvas), readout, host, row, description };
}
