// A link is a run: its settings, own points, turned knobs, step and view, as the fragment of the page's address.
// A fragment is what anybody may have written. It is bounded before it is read, and every value is checked.

import { DEFAULTS, FIELDS, LIVE, MAX_POINTS, MAX_VALUE, checkSettings, problemOf } from "./settings.js";

const VERSION = "1";
/** Characters of a fragment: 5,000 points of three float32 numbers in base64, and some for all else. */
const MAX_LENGTH = 100_000;
const MAX_ENTRIES = 100;
const MAX_TURNS = 500;
const MAX_TOGGLES = 40;
const MAX_PROBLEMS = 4;
const NUMBER = /^-?\d{1,20}(\.\d{1,25})?(e[+-]?\d{1,3})?$/;
const WORD = /^[a-z_]{1,30}$/;
/** Scenes of the lecture: as many as there are presets. */
const SCENES = 8;
const TOOLS = new Set(["story", "slow", "twin", "break", "sweep", "own", "export"]);
const MAX_NAME = 60;
const PANELS = new Set(["data", "latent", "curves", "tools"]);

/**
 * The fragment that gives a run again.
 * @param {import("./store.js").State} state
 * @param {number | null} step how far the run is; null leaves it open, so that the link begins to train
 * @returns {string} begins with "#"
 */
export function encodeLink(state, step = state.runs?.main?.frame?.step ?? null) {
  const entries = [["v", VERSION]];
  for (const name of Object.keys(FIELDS)) {
    const value = state.started[name];
    if (value !== DEFAULTS[name]) entries.push([name, value === null ? "none" : String(value)]);
  }

  if (state.points) entries.push(...pointEntries(state.points));
  const turns = step === null ? [] : state.turns.filter((turned) => turned.step <= step);
  if (turns.length) {
    entries.push(["turns", turns.map((turned) => `${turned.step}:${turned.name}:${turned.value}`).join("_")]);
  }
  if (step !== null) entries.push(["step", String(step)]);
  entries.push(...viewEntries(state.view));
  return `#${entries.map(([name, value]) => `${name}=${encodeURIComponent(value).replaceAll("%3A", ":")}`).join("&")}`;
}

/** Own points, and of a table the rows that it is measured on and its units, too. */
function pointEntries({ dims, values, held_out: heldOut, units }) {
  const entries = [["own", `${dims}.${toBase64(values)}`]];
  if (!units) return entries;
  const { columns, mean, scale } = units;
  const ofColumn = (name, dim) => `${mean[dim]}:${scale[dim]}:${encodeURIComponent(name)}`;
  if (heldOut) entries.push(["held", `${dims}.${toBase64(heldOut)}`]);
  return [...entries, ["units", columns.map(ofColumn).join(",")]];
}

function viewEntries(view) {
  const entries = [];
  const names = (wanted) => Object.keys(view.toggles).filter((name) => view.toggles[name] === wanted).join(",");
  if (names(true)) entries.push(["show", names(true)]);
  if (names(false)) entries.push(["hide", names(false)]);
  if (view.isPlanePicked) entries.push(["plane", view.plane.join(",")]);
  if (view.tool !== "story") entries.push(["tool", view.tool]);
  if (view.panel) entries.push(["panel", view.panel]);
  if (view.lecture) entries.push(["lecture", String(view.scene + 1)]);
  if (view.theme) entries.push(["theme", view.theme]);
  return entries;
}

/**
 * What a fragment asks for.
 * @param {string} fragment with or without "#"
 * @returns {{settings: Object, points: Object | null, turns: Object[], step: number | null, view: Object,
 *   problems: string[]}} where something is wrong, the page's own value and a sentence; nothing is ever thrown
 */
export function decodeLink(fragment) {
  const problems = [];
  const found = { settings: { ...DEFAULTS }, points: null, turns: [], step: null, view: {}, problems };
  const text = String(fragment).replace(/^#/, "");
  if (text === "") return found;
  if (text.length > MAX_LENGTH) {
    problems.push(`The link has ${text.length} characters, and at most ${MAX_LENGTH} are read. The page begins anew.`);
    return found;
  }

  const entries = readEntries(text, problems);
  if (entries.has("v") && entries.get("v") !== VERSION) {
    problems.push("The link is of another version of the page. What this page knows of it was read.");
  }

  const candidate = {};
  for (const name of Object.keys(FIELDS)) {
    if (entries.has(name)) candidate[name] = readValue(name, entries.get(name));
  }
  const checked = checkSettings(candidate);
  found.settings = checked.settings;
  problems.push(...checked.problems);

  if (entries.has("own")) found.points = readOwn(entries, problems);
  if (entries.has("step")) found.step = readStep(entries.get("step"), found.settings.steps, problems);
  if (entries.has("turns")) found.turns = readTurns(entries.get("turns"), found.step ?? 0, problems);
  found.view = readView(entries, found.settings, problems);
  if (problems.length > MAX_PROBLEMS) {
    const more = problems.length - MAX_PROBLEMS;
    problems.splice(MAX_PROBLEMS, more, `${more} more values of the link were not read.`);
  }
  return found;
}

const KNOWN = new Set([
  ...Object.keys(FIELDS),
  ...["v", "own", "held", "units", "turns", "step", "show", "hide", "plane", "tool", "panel", "lecture", "theme"],
]);

function readEntries(text, problems) {
  const entries = new Map();
  const parts = text.split("&", MAX_ENTRIES + 1);
  if (parts.length > MAX_ENTRIES) problems.push(`The link has more than ${MAX_ENTRIES} entries; the rest was not read.`);

  for (const part of parts.slice(0, MAX_ENTRIES)) {
    const cut = part.indexOf("=");
    const name = cut < 0 ? part : part.slice(0, cut);
    const value = decoded(cut < 0 ? "" : part.slice(cut + 1));
    if (!KNOWN.has(name)) problems.push(`The link asks for "${visible(name)}", which this page does not know.`);
    else if (value === null) problems.push(`The link's ${name} is not well encoded.`);
    else if (entries.has(name)) problems.push(`The link says ${name} twice; the first was taken.`);
    else entries.set(name, value);
  }
  return entries;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Text of a stranger, for a sentence: short, and without what turns or hides letters. */
function visible(text) {
  const plain = text.slice(0, 30).replace(/[^\x20-\x7e]/g, "?");
  return text.length > 30 ? `${plain}...` : plain;
}

/** A number; NaN where the text is none. */
function readNumber(text) {
  return NUMBER.test(text) ? Number(text) : NaN;
}

function readValue(name, text) {
  const { kind, nullable } = FIELDS[name];
  if (nullable && text === "none") return null;
  const isNumber = (kind === "whole" || kind === "real") && NUMBER.test(text);
  if (isNumber) return Number(text);
  // What is no word of the setting's stays text, so that the check says what came.
  const isFlag = kind === "flag" && (text === "true" || text === "false");
  return isFlag ? text === "true" : visible(text);
}

function readStep(text, last, problems) {
  const step = readNumber(text);
  if (Number.isInteger(step) && step >= 0 && step <= last) return step;
  problems.push(`step must be a whole number from 0 to ${last}; got ${visible(text)}.`);
  return null;
}

function readTurns(text, last, problems) {
  const parts = text.split("_", MAX_TURNS + 1);
  if (parts.length > MAX_TURNS) {
    problems.push(`The link turns knobs more than ${MAX_TURNS} times; none of it was read.`);
    return [];
  }

  const turns = [];
  for (const part of parts) {
    const [stepText, name, valueText, ...rest] = part.split(":", 4);
    const step = readNumber(stepText);
    const value = readNumber(valueText ?? "");
    const isInOrder = Number.isInteger(step) && step >= (turns.at(-1)?.step ?? 1) && step <= last;
    if (!isInOrder || rest.length || !LIVE.includes(name) || problemOf(name, value)) {
      problems.push(`The link's turned knob "${visible(part)}" is not one, or not in order; the knobs after it stay.`);
      return turns;
    }
    turns.push({ step, name, value });
  }
  return turns;
}

function readView(entries, settings, problems) {
  const view = {};
  const toggles = { ...readToggles(entries.get("show"), true), ...readToggles(entries.get("hide"), false) };
  if (Object.keys(toggles).length) view.toggles = toggles;

  const choose = (name, allowed) => {
    if (!entries.has(name)) return;
    if (allowed.has(entries.get(name))) view[name] = entries.get(name);
    else problems.push(`${name} must be one of ${[...allowed].join(", ")}; got ${visible(entries.get(name))}.`);
  };
  choose("tool", TOOLS);
  choose("panel", PANELS);
  choose("theme", new Set(["light", "dark"]));

  if (entries.has("plane")) {
    const plane = entries.get("plane").split(",", 3).map(readNumber);
    const isAxis = (axis) => Number.isInteger(axis) && axis >= 0 && axis < settings.latent_dim;
    if (plane.length === 2 && plane.every(isAxis)) Object.assign(view, { plane, isPlanePicked: true });
    else problems.push(`plane must be two of the ${settings.latent_dim} latent dimensions, counted from 0.`);
  }
  if (entries.has("lecture")) {
    const scene = readNumber(entries.get("lecture"));
    const isScene = Number.isInteger(scene) && scene >= 1 && scene <= SCENES;
    // A lecture shows one panel.
    if (isScene) Object.assign(view, { lecture: true, scene: scene - 1, panel: view.panel ?? "data" });
    else problems.push(`lecture must be the number of a scene, from 1 to ${SCENES}.`);
  }
  return view;
}

function readToggles(text, value) {
  const toggles = {};
  for (const name of (text ?? "").split(",", MAX_TOGGLES)) {
    if (WORD.test(name)) toggles[name] = value;
  }
  return toggles;
}

/** Own points, with the units and held-out rows of a table where the link has them. */
function readOwn(entries, problems) {
  const points = readPoints(entries.get("own"), problems);
  if (!points || !entries.has("units")) return points;
  const units = readUnits(entries.get("units"), points.dims);
  if (!units) {
    problems.push("The link's units of its points cannot be read; they are shown without.");
    return points;
  }
  const apart = entries.has("held") ? readPoints(entries.get("held"), problems) : null;
  return apart?.dims === points.dims ? { ...points, units, held_out: apart.values } : { ...points, units };
}

function readUnits(text, dims) {
  const parts = text.split(",", dims + 1).map((part) => part.split(":", 4));
  const mean = parts.map(([first]) => readNumber(first));
  const scale = parts.map(([, second]) => readNumber(second ?? ""));
  const columns = parts.map(([, , name]) => nameOf(decoded(name ?? "") ?? ""));
  const isWhole = parts.length === dims && parts.every((part) => part.length === 3) && columns.every(Boolean);
  if (!isWhole || !mean.every(Number.isFinite) || !scale.every((value) => value > 0 && value < Infinity)) return null;
  return { columns, mean, scale, log_volume: scale.reduce((sum, value) => sum + Math.log(value), 0) };
}

/** Name of a column, cut between letters: half of one cannot be written into a link. */
function nameOf(text) {
  return [...text.replace(/\p{C}/gu, "?")].slice(0, MAX_NAME).join("");
}

function readPoints(text, problems) {
  const match = /^([23])\.([A-Za-z0-9_-]*)$/.exec(text);
  const dims = match ? Number(match[1]) : 2;
  const values = match && match[2].length % 4 !== 1 ? fromBase64(match[2]) : null;
  const count = values ? values.length / dims : 0;

  if (!values || !Number.isInteger(count) || count < 1) problems.push("The link's own points cannot be read.");
  else if (count > MAX_POINTS) problems.push(`The link has ${count} points, and at most ${MAX_POINTS} are allowed.`);
  else if (!values.every((value) => Math.abs(value) <= MAX_VALUE)) {
    problems.push(`The link's own points must be finite and within ${MAX_VALUE} of 0.`);
  } else return { dims, values, name: "points of the link" };
  return null;
}

/** Little-endian float32 numbers as base64 for addresses. */
function toBase64(values) {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setFloat32(4 * index, value, true));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  if (bytes.length === 0 || bytes.length % 4 !== 0) return null;
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(4 * index, true));
}
