// The ways out of the page: a link, the package's command, settings and script, the points, a picture, the weights.

import { make } from "./elements.js";
import { encodeLink } from "./link.js";
import { pageVersion } from "./parts.js";
import { command, configToml, pythonScript, recipeOf, weightsMetadata } from "./recipes.js";
import { writeSafetensors } from "./safetensors.js";
import { copyText, drawPanel, saveFile } from "./saving.js";
import { curvesCsv, measuresCsv, pointsCsv } from "./written_tables.js";
import { truthLogOf } from "./truth_log.js";

const INTRODUCTION = "Take this run elsewhere. Nothing leaves this page but what you copy or save.";
const NOTHING_YET = "There is nothing of it yet. Press play or step first.";
const PANELS = { data: "data space", latent: "latent space", curves: "curves" };

/** What is exported as text: its words, the file's name, and how it is made of the store's state. */
const LINK_HELP = location.protocol === "file:" ? "opens this run in any copy of this file" : "opens this run, step and view";

const TEXTS = [
  { label: "Link", help: LINK_HELP, file: "lab-link.txt", write: linkOf },
  { label: "Command", help: "trains it with the package", file: "lab.sh", write: (state) => command(recipeHere(state)) },
  {
    label: "lab.toml",
    help: "for swissroll train --config lab.toml",
    file: "lab.toml",
    write: (state) => configToml(recipeHere(state)),
  },
  {
    label: "Python script",
    help: "trains it with PyTorch",
    file: "lab_run.py",
    write: (state) => pythonScript(recipeHere(state)),
  },
  { label: "Points as CSV", help: "those in the pictures", file: "lab-points.csv", write: pointsOf },
];
/** Tables of a whole run, which are too long to be copied. */
const TABLES = [
  { label: "Curves as CSV", help: "loss, rate and distortion of each step", file: "lab-curves.csv", write: curvesOf },
  { label: "Measures as CSV", help: "evidence, bound, gap, diagnosis", file: "lab-measures.csv", write: measuresOf },
];

/**
 * @param {HTMLElement} element the tool's section
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {object} engine
 */
export function mount(element, store, engine) {
  const told = make("p", { className: "told", role: "status", textContent: INTRODUCTION });
  const shown = make("textarea", { rows: 6, readOnly: true, hidden: true, spellcheck: false });
  shown.setAttribute("aria-label", "What was exported last");
  const say = (text) => {
    told.textContent = text;
  };

  // From now on: what was measured before the first table is asked for is in it.
  truthLogOf(store);
  const rows = TEXTS.map((text) => textRow(text, store, shown, say));
  rows.push(...TABLES.map((table) => tableRow(table, store, say)));
  rows.push(pictureRow(say), weightsRow(store, engine, say));
  element.querySelector(".host").append(
    told,
    make("ul", { className: "exports" }, rows),
    shown,
  );
  element.querySelector(".description").textContent =
    "Exports: link, command, lab.toml, Python script, points, curves and measures as CSV, a panel as PNG, weights as safetensors.";
}

function textRow({ label, help, file, write }, store, shown, say) {
  const act = async (use) => {
    const text = write(store.get());
    if (text === null) {
      say(NOTHING_YET);
      return;
    }
    shown.value = text;
    shown.hidden = false;
    await use(text);
  };
  const copy = button(`Copy`, `Copy: ${label}`, () =>
    act(async (text) => {
      const isCopied = await copyText(text);
      say(isCopied ? `${label} is copied; the same text is at the end of this list.` : "The browser does not let the page copy. Copy the text that is selected.");
      if (isCopied) return;
      shown.focus();
      shown.select();
    }),
  );
  const save = button("Save", `Save: ${label}`, () =>
    act((text) => {
      saveFile(file, new Blob([text], { type: "text/plain" }));
      say(`${file} is saved.`);
    }),
  );
  return row(label, help, [copy, save]);
}

function tableRow({ label, help, file, write }, store, say) {
  const save = button("Save", `Save: ${label}`, () => {
    const text = write(store.get(), store);
    if (text !== null) saveFile(file, new Blob([text], { type: "text/csv" }));
    say(text === null ? NOTHING_YET : `${file} is saved.`);
  });
  return row(label, help, [save]);
}

function pictureRow(say) {
  const menu = make("select", {}, Object.entries(PANELS).map(([value, textContent]) => make("option", { value, textContent })));
  menu.setAttribute("aria-label", "Panel to save as a picture");
  const save = button("Save", "Save: PNG of a panel", async () => {
    const picture = await drawPanel(document.getElementById(`panel-${menu.value}`));
    if (!picture) {
      say("That panel shows nothing yet.");
      return;
    }
    saveFile(`lab-${menu.value}.png`, picture);
    say(`lab-${menu.value}.png is saved.`);
  });
  return row("PNG of a panel", "as it looks now", [menu, save]);
}

function weightsRow(store, engine, say) {
  const save = button("Save", "Save: weights as safetensors", async () => {
    try {
      const { step, tensors } = await engine.request("main", "weights");
      const file = writeSafetensors(tensors, weightsMetadata({ ...recipeHere(store.get()), step }));
      saveFile("lab-model.safetensors", new Blob([file], { type: "application/octet-stream" }));
      say(`lab-model.safetensors is saved: the weights after step ${step}, by PyTorch's names.`);
    } catch (error) {
      say(error.message);
    }
  });
  return row("Weights", "safetensors, by PyTorch's names", [save]);
}

function button(text, name, act) {
  const made = make("button", { type: "button", textContent: text, "aria-label": name });
  made.addEventListener("click", act);
  return made;
}

function row(label, help, controls) {
  return make("li", {}, [
    make("span", {}, [make("b", { textContent: label }), " ", make("span", { className: "quiet", textContent: help })]),
    make("span", { className: "controls" }, controls),
  ]);
}

function linkOf(state) {
  // A frame of a notebook or report has no address of its own: there the fragment goes behind that of a lab page.
  const address = location.href.startsWith("about:") ? "lab.html" : location.href.split("#")[0];
  return `${address}${encodeLink(state)}`;
}

const recipeHere = (state) => recipeOf(state, pageVersion());

function curvesOf({ runs, settings }) {
  const { history, begin } = runs.main ?? {};
  return history?.step?.length ? curvesCsv(history, settings, Boolean(begin.units)) : null;
}

function measuresOf(_, store) {
  const { rows } = truthLogOf(store);
  return rows.length ? measuresCsv(rows) : null;
}

function pointsOf(state) {
  const begin = state.runs.main?.begin;
  if (!begin) return null;
  return pointsCsv(begin, begin.dims);
}
