// What a printed page says of the run, whose knobs are not printed.

import { FIELDS, NOTEBOOK } from "./settings.js";

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function mountPrintSummary(element, store) {
  addEventListener("beforeprint", () => {
    const { settings, points, runs } = store.get();
    const changed = Object.keys(FIELDS).filter((name) => settings[name] !== NOTEBOOK[name]);
    const words = changed.map((name) => `${name} = ${settings[name]}`).join(", ");
    const data = points ? ` Own data: ${points.name}.` : "";
    const weights = document.getElementById("weights-hash").dataset.hash;
    element.textContent =
      `swissroll lab, step ${runs.main?.frame?.step ?? 0}. ` +
      `${words ? `Differs from the notebook: ${words}.` : "The notebook's settings."}${data}` +
      `${weights ? ` SHA-256 of the weights: ${weights}.` : ""} ${location.href}`;
  });
}
