// The knobs. Beta and the learning rate turn while the run goes on; all others make a new model, and say so.

import { explain } from "./glossary.js";
import { FIELDS, betaOfSigma, dataDim, impliedSigma, rateWeight } from "./settings.js";

/** What a menu offers for a whole number; a run may have others. */
const WIDTHS = [2, 4, 8, 16, 32, 64, 128, 256];
const DEPTHS = [0, 1, 2, 3, 4];
const LATENTS = [1, 2, 3, 4];

const IN_SIGHT = ["dataset", "noise", "hidden_dim", "depth", "latent_dim", "activation"];
const FURTHER = [
  "reduction",
  "decoder_variance",
  "components",
  "refit_prior",
  "initialization",
  "batch_size",
  "lr_schedule",
  "warmup",
  "beta_start",
  "steps",
  "seed",
];
/** Settings whose choices are words: their menus take a whole row. */
const WIDE = new Set(["reduction", "decoder_variance", "initialization", "lr_schedule"]);
const MENUS = { hidden_dim: WIDTHS, depth: DEPTHS, latent_dim: LATENTS };

const STEPS_PER_DECADE = 20;
/** Powers of ten between which a slider moves. */
const RANGES = { beta: [-6, 2], lr: [-5, 0] };
const TURN_MS = 120;
/** Shares of a slider's length between which a mark has room for its number. */
const MARKS_FROM = 0.06;
const MARKS_TO = 0.8;

/** A number as a person writes it, to three digits. */
export function short(value) {
  if (value === 0) return "0";
  const isPlain = Math.abs(value) >= 1e-4 && Math.abs(value) < 1e5;
  return isPlain ? String(Number(value.toPrecision(3))) : value.toExponential(1).replace("e-", "e\u2212").replace("e+", "e");
}

/** The value at a place of a slider; beta's first place is 0. */
function valueAt(name, place) {
  const [low] = RANGES[name];
  if (name === "beta" && place === 0) return 0;
  const power = low + (place - (name === "beta" ? 1 : 0)) / STEPS_PER_DECADE;
  return Number((10 ** power).toPrecision(2));
}

/** The place of a value on its slider; a value outside stands at the nearer end. */
function placeOf(name, value) {
  const [low, high] = RANGES[name];
  const first = name === "beta" ? 1 : 0;
  if (value <= 0) return 0;
  const power = Math.min(Math.max(Math.log10(value), low), high);
  return first + Math.round((power - low) * STEPS_PER_DECADE);
}

function lastPlace(name) {
  const [low, high] = RANGES[name];
  return (high - low) * STEPS_PER_DECADE + (name === "beta" ? 1 : 0);
}

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function mountControls(element, store, actions) {
  const live = fieldset("Turn while it trains", "live");
  live.append(...slider("beta", store, actions), marks(store), ...slider("lr", store, actions), waiting(store));

  const rebuilding = fieldset("Change and begin again", "rebuild");
  const grid = document.createElement("div");
  grid.className = "fields";
  grid.append(...IN_SIGHT.map((name) => field(name, store, actions)));

  const more = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "More settings";
  const further = document.createElement("div");
  further.className = "fields";
  further.append(...FURTHER.map((name) => field(name, store, actions)));
  more.append(summary, further);

  rebuilding.append(grid, more);
  element.append(live, rebuilding);
}

function fieldset(words, name) {
  const set = document.createElement("fieldset");
  set.className = name;
  const legend = document.createElement("legend");
  legend.textContent = words;
  set.append(legend);
  return set;
}

/** A slider with its number, for a knob that turns while the run goes on. */
function slider(name, store, actions) {
  const { label, help } = FIELDS[name];
  const row = document.createElement("div");
  row.className = "slider-head";
  const words = document.createElement("label");
  words.htmlFor = `knob-${name}`;
  words.textContent = label;
  if (name === "beta") explain(words, "beta");
  else words.title = help;
  const number = document.createElement("input");
  number.type = "text";
  number.inputMode = "decimal";
  number.id = `number-${name}`;
  number.setAttribute("aria-label", `${label}, as a number`);
  row.append(words, number);

  const range = document.createElement("input");
  range.type = "range";
  range.id = `knob-${name}`;
  range.min = "0";
  range.max = String(lastPlace(name));
  range.step = "1";

  // A slider sends many values while it is dragged: a few a second are enough, and the last one always counts.
  let timer = null;
  range.addEventListener("input", () => {
    store.set({ settings: { [name]: valueAt(name, Number(range.value)) } });
    timer ??= setTimeout(() => {
      timer = null;
      attempt(store, () => actions.turn(name, store.get().settings[name]));
    }, TURN_MS);
  });
  number.addEventListener("change", () => {
    const { settings } = store.get();
    const value = numberOf(number.value);
    const unread = Number.isNaN(value) ? sayUnread(name, number.value, settings[name]) : null;
    attempt(store, () => (unread ? store.set({ notes: [unread] }) : actions.turn(name, value)));
    // What the run goes by, also where what was typed is refused.
    number.value = short(store.get().settings[name]);
  });

  const show = ({ settings, points }) => {
    const value = settings[name];
    range.value = String(placeOf(name, value));
    if (document.activeElement !== number) number.value = short(value);
    const sigma = short(impliedSigma(settings, dataDim(settings, points)));
    const isImplied = name === "beta" && settings.decoder_variance === "fixed";
    range.setAttribute("aria-valuetext", isImplied ? `${short(value)}, decoder's sigma ${sigma}` : short(value));
  };
  store.subscribe((state, changed) => {
    if (changed.has("settings") || changed.has("notes")) show(state);
  });
  show(store.get());
  return [row, range];
}

/** Notes that knobs led to. */
const refusals = new WeakSet();

/**
 * Do what a knob is set to. What was said of a knob before goes, once a value is taken.
 * @returns {boolean} whether the value is taken
 */
export function attempt(store, act) {
  const before = store.get().notes;
  act();
  const { notes } = store.get();
  if (notes === before && refusals.has(notes)) store.set({ notes: [] });
  if (notes === before || notes.length === 0) return true;
  refusals.add(notes);
  return false;
}

/** A number as it is typed; NaN where it is none. */
export function numberOf(text) {
  const plain = text.trim().replace("\u2212", "-");
  return plain === "" ? NaN : Number(plain);
}

/**
 * What to write in the place of what is no number, as a sentence.
 * @param {string} name of the setting
 * @param {string} text
 * @param {number | null} value that the setting has
 */
export function sayUnread(name, text, value) {
  const { kind, nullable } = FIELDS[name];
  const meant = kind === "real" ? numberOf(text.replace(",", ".")) : NaN;
  const like = Number.isNaN(meant) ? value : meant;
  const said = like === null ? "write one" : `write ${like}, for instance`;
  return `${name} is no number that can be read: ${said}${nullable ? ", or nothing" : ""}.`;
}

/** Marks under beta's slider: the decoder's sigma that a beta implies, and true beta at the sigma the run began with. */
function marks(store) {
  const box = document.createElement("div");
  box.className = "marks";
  const rows = document.createElement("div");
  rows.setAttribute("aria-hidden", "true");
  const words = document.createElement("p");
  words.id = "beta-meaning";
  words.className = "quiet";
  box.append(rows, words);

  const show = ({ settings, started, points }) => {
    const dims = dataDim(settings, points);
    const isLearned = settings.decoder_variance === "learned";
    const unit = rateWeight({ ...settings, beta: 1 }, dims);
    const atStart = rateWeight(started, dims);

    const betaRows = [["\u03b2", [1e-4, 0.01, 1], (beta) => beta]];
    if (!isLearned) {
      betaRows.push(["\u03c3", [0.001, 0.01, 0.1, 1], (sigma) => betaOfSigma(settings, dims, sigma)]);
    }
    const reference = isLearned ? 1 : atStart;
    if (reference > 0) {
      betaRows.push(["true \u03b2", [1e-4, 0.01, 1, 100], (trueBeta) => (trueBeta * reference) / unit]);
    }
    rows.replaceChildren(...betaRows.map((row) => markRow(...row)));
    words.textContent = meaning(settings, dims, isLearned, rateWeight(settings, dims), atStart);
  };
  store.subscribe((state, changed) => {
    if (changed.has("settings") || changed.has("started")) show(state);
  });
  show(store.get());
  return box;
}

function markRow(name, values, betaOf) {
  const row = document.createElement("div");
  row.className = "mark-row";
  const head = document.createElement("b");
  head.textContent = name;
  row.append(head);
  for (const value of values) {
    const [low, high] = RANGES.beta;
    const power = Math.log10(betaOf(value));
    const share = (1 + (power - low) * STEPS_PER_DECADE) / lastPlace("beta");
    // Its number would lie outside, or on the row's name.
    if (power < low || power > high || share < MARKS_FROM || share > MARKS_TO) continue;
    const mark = document.createElement("span");
    mark.style.setProperty("--at", share.toFixed(4));
    mark.textContent = short(value);
    row.append(mark);
  }
  return row;
}

function meaning(settings, dims, isLearned, weight, atStart) {
  const end = settings.beta_start === null ? "" : " at the end of its schedule";
  if (isLearned) return `True \u03b2 ${short(weight)}${end}: at 1 the loss is the negative ELBO. \u03c3 is learned.`;
  if (weight === 0) return "No KL term: a plain autoencoder, no model of the density.";
  const sigma = short(impliedSigma(settings, dims));
  if (weight === atStart || atStart === 0) return `The ELBO of a decoder with noise \u03c3 = ${sigma} (true \u03b2 = 1)${end}.`;
  const first = short(Math.sqrt(atStart / 2));
  return `Two names of one loss: noise \u03c3 = ${sigma} with true \u03b2 = 1, or \u03c3 = ${first}, as at the start, with true \u03b2 = ${short(weight / atStart)}.`;
}

/** Says that a knob was turned while the run stands still, where nothing else shows it. */
function waiting(store) {
  const words = document.createElement("p");
  words.id = "turned-words";
  words.setAttribute("role", "status");
  const show = ({ turns, running, replay, runs }) => {
    const isStill = !running && replay === null;
    const isWaiting = isStill && turns.length > 0 && turns.at(-1).step === runs.main?.frame?.step;
    const text = isWaiting ? "Turned. Press Play to see what it does." : "";
    if (words.textContent !== text) words.textContent = text;
  };
  store.subscribe((state, changed) => {
    if (["turns", "running", "replay", "runs"].some((name) => changed.has(name))) show(state);
  });
  return words;
}

/** A menu, a number or a check box for a setting that makes a new model. */
function field(name, store, actions) {
  const { kind, label, help } = FIELDS[name];
  const input = makeInput(name);
  input.id = `knob-${name}`;
  const words = document.createElement("label");
  words.className = kind === "flag" ? "field flag" : "field";
  words.classList.toggle("wide", WIDE.has(name));
  words.title = help;
  const text = document.createElement("span");
  text.textContent = label;
  words.append(...(kind === "flag" ? [input, text] : [text, input]));

  input.addEventListener("change", () => {
    const value = readInput(name, input);
    const unread = Number.isNaN(value) ? sayUnread(name, input.value, store.get().settings[name]) : null;
    const set = () => actions.rebuild({ [name]: value, ...implied(name, input, store.get()) }, pointsFor(name));
    const isTaken = attempt(store, () => (unread ? store.set({ notes: [unread] }) : set()));
    show(store.get());
    // What the run goes by, while the field still has the focus.
    if (!isTaken && name !== "dataset") writeInput(name, input, store.get().settings[name], true);
  });
  const show = (state) => {
    if (name === "dataset") showDataset(input, state);
    else writeInput(name, input, state.settings[name]);
  };
  store.subscribe((state, changed) => {
    if (changed.has("settings") || changed.has("points")) show(state);
  });
  show(store.get());
  return words;
}

/** Choosing a distribution takes the place of own points. */
function pointsFor(name) {
  return name === "dataset" ? { points: null } : {};
}

function showDataset(input, { settings, points }) {
  input.querySelector("[value='']")?.remove();
  if (points) input.add(new Option(points.name.replace(/^(your|the points of|a) /, "") || "own points", ""), 0);
  input.value = points ? "" : settings.dataset;
}

/** What else changes with a setting, so that what a reader chose makes sense. */
function implied(name, input, { settings, points }) {
  const dims = dataDim(settings, points);
  // Mean and sum are one objective, in two conventions: beta is translated, so that the run stays the same.
  if (name === "reduction" && input.value !== settings.reduction) {
    const factor = dims / settings.latent_dim;
    return { beta: input.value === "sum" ? settings.beta * factor : settings.beta / factor };
  }
  if (name === "components" && Number(input.value) === 0) return { refit_prior: false };
  if (name === "refit_prior" && input.checked && settings.components === 0) return { components: 20 };
  return {};
}

function makeInput(name) {
  const { kind, choices, low, high } = FIELDS[name];
  if (kind === "choice" || name in MENUS) {
    const menu = document.createElement("select");
    const offered = choices ? Object.entries(choices) : MENUS[name].map((value) => [value, value]);
    for (const [value, words] of offered) menu.add(new Option(words, value));
    return menu;
  }

  const input = document.createElement("input");
  if (kind === "flag") {
    input.type = "checkbox";
    return input;
  }
  input.type = "number";
  input.min = String(low);
  input.max = String(high);
  input.step = kind === "whole" ? "1" : "any";
  return input;
}

function readInput(name, input) {
  const { kind, nullable } = FIELDS[name];
  if (kind === "flag") return input.checked;
  if (kind === "choice") return input.value;
  if (input.value === "") return nullable && !input.validity.badInput ? null : NaN;
  return Number(input.value);
}

function writeInput(name, input, value, isSure = false) {
  if (input.type === "checkbox") {
    input.checked = value;
    return;
  }
  if (!isSure && document.activeElement === input && input.type === "number") return;
  // A run may have a width that the menu does not offer.
  if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === String(value))) {
    input.add(new Option(String(value), String(value)));
  }
  input.value = value === null ? "" : String(value);
}
