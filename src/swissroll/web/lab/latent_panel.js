// The latent space as a panel: toggles, axes to choose, hover and keys that decode, a line to drag, and a text alternative.

import { drawWhenChanged, fixed } from "./canvas.js";
import { calmly } from "./calmly.js";
import { pointsOf } from "./data_view.js";
import { drawLatentLine } from "./latent_line.js";
import { drawLatentPlane, latentName } from "./latent_view.js";
import { POSTERIOR, REFERENCE, TRUE_POSTERIOR } from "./palette.js";
import { addPicture } from "./picture.js";
import { startProbe } from "./probe.js";
import { currentRun } from "./summary.js";
import { addToggles, make, write } from "./toggles.js";
import { sayPoint } from "./units.js";

const TOGGLES = [
  { name: "means", label: "means", mark: "dot", colour: "#CB3C97", on: true },
  { name: "ellipses", label: "1σ ellipses", mark: "ring", colour: "#CB3C97", on: true },
  { name: "prior", label: "prior", mark: "dashes", colour: REFERENCE, on: true },
  { name: "aggregate", label: "aggregate", mark: "square", colour: POSTERIOR, on: false },
  { name: "posterior", label: "true posterior", mark: "heat", colour: TRUE_POSTERIOR, on: true },
];
/** Rate of a latent dimension, in nats per point, below which it is called collapsed. */
export const COLLAPSED = 0.01;
/** Times the rate of a shown dimension that another one carries before it takes its place in a run that goes on. */
const CLEARLY_MORE = 1.5;
const KEY_STEP = 0.1;
/** Pixels that a pressed pointer moves before it draws a line. */
const DRAG = 6;
const DESCRIBE_EVERY = 1000;

/**
 * Mount the panel.
 * @param {HTMLElement} element with a .toggles, a .host and a .description
 * @param {object} store
 */
export function mount(element, store) {
  const label = "Latent space. Arrow keys move the cursor, with Shift they draw a line, Escape removes both.";
  const { canvas, surface, readout, row, description } = addPicture(element, label);
  const toggles = addToggles(row, store, TOGGLES);
  const pickers = addPickers(row, store);
  let drawn = null;

  const draw = () => {
    const { runs, selection, view, running } = store.get();
    if (!surface.begin() || !runs?.main?.begin || !runs.main.frame) return;
    const main = currentRun(runs.main, running);
    const options = { shows: toggles.isOn, selection, dims: planeOf(view, latentSize(main)) };
    drawn = latentSize(main) === 1 ? drawLatentLine(surface, main, options) : drawLatentPlane(surface, main, options);
    write(readout, readOut(selection, main.begin.units));
  };
  const tell = calmly(DESCRIBE_EVERY, () => {
    const { runs, selection, view, running } = store.get();
    if (!runs?.main?.frame) return;
    write(description, describe(currentRun(runs.main, running), selection));
    pickers.show(runs.main, view);
  });
  const invalidate = drawWhenChanged(canvas, draw);

  store.subscribe((state, changed) => {
    if (!["runs", "selection", "view", "timeline", "running"].some((key) => changed.has(key))) return;
    tell(changed.has("selection") || changed.has("view"));
    const main = state.runs?.main;
    if (main?.frame) toggles.allow("posterior", whyNoPosterior(main));
    dropForeignLatents(store);
    lookAtHighestRates(store);
    invalidate();
  });
  startProbe(store);
  const latentAt = (event) => {
    const box = canvas.getBoundingClientRect();
    return fromPixel(store.get(), drawn, event.clientX - box.left, event.clientY - box.top);
  };
  followPointer(canvas, store, latentAt);
  followKeys(canvas, store);
}

/** L, or 0 as long as nothing is encoded. */
function latentSize(main) {
  if (!main?.frame) return 0;
  return main.frame.mu.length / pointsOf(main.begin).count;
}

function planeOf(view, size) {
  const [first, second] = view?.plane ?? [0, 1];
  const bounded = (dim) => Math.min(dim, size - 1);
  return [bounded(first), bounded(second)];
}

function whyNoPosterior(main) {
  if (main.frame.sigma === 0) return "At beta 0 the decoder has no noise, and so there is no true posterior.";
  if (latentSize(main) > 2) return "The true posterior is drawn for one or two latent dimensions.";
  return null;
}

/** Look at the two dimensions that carry most, as long as the reader picked none. */
function lookAtHighestRates(store) {
  const { runs, view, running, timeline } = store.get();
  const rates = runs?.main?.frame?.rate_per_dimension;
  if (!rates || rates.length < 3 || view.isPlanePicked) return;
  const isMoving = running || timeline.at !== null;
  const plane = planeOfHighestRates(rates, view.plane, isMoving);
  if (plane.some((dim, axis) => dim !== view.plane[axis])) store.set({ view: { plane } });
}

/**
 * The two dimensions of the highest rates, in their order. While rates move, those that are shown stay as long as no other
 * carries clearly more.
 * @param {ArrayLike<number>} rates in nats per point, at least three
 * @param {number[]} shown two dimensions
 * @param {boolean} isMoving
 * @returns {number[]}
 */
export function planeOfHighestRates(rates, shown, isMoving) {
  const byRate = Array.from(rates, (_, dim) => dim).sort((a, b) => rates[b] - rates[a]);
  const least = Math.min(...shown.map((dim) => rates[dim]));
  const others = byRate.filter((dim) => !shown.includes(dim));
  const isClear = rates[others[0]] > CLEARLY_MORE * least;
  return isMoving && !isClear ? shown : byRate.slice(0, 2).sort((a, b) => a - b);
}

/** A cursor of another L, of a run before, is let go. */
function dropForeignLatents(store) {
  const { runs, selection } = store.get();
  const size = latentSize(runs?.main);
  const latent = selection?.latent ?? selection?.line?.[0];
  if (!size || !latent || latent.length === size) return;
  store.set({ selection: { ...selection, latent: null, line: null, decoded: null } });
}

function addPickers(row, store) {
  const span = make("span", { class: "sides" });
  const selects = ["across", "up"].map((name, k) => {
    const select = make("select", { name: `axis-${name}` });
    select.addEventListener("change", () => {
      const { view } = store.get();
      const plane = [...(view?.plane ?? [0, 1])];
      const chosen = Number(select.value);
      // The other axis makes room.
      if (plane[1 - k] === chosen) plane[1 - k] = plane[k];
      plane[k] = chosen;
      store.set({ view: { plane, isPlanePicked: true } });
    });
    span.append(make("label", { class: "chip" }, `${name} `, select));
    return select;
  });
  span.hidden = true;
  row.append(span);

  const show = ({ begin, frame }, view) => {
    const size = frame.mu.length / pointsOf(begin).count;
    span.hidden = size < 3;
    if (span.hidden) return;
    const dims = planeOf(view, size);
    selects.forEach((select, k) => {
      while (select.options.length > size) select.options[size].remove();
      while (select.options.length < size) select.append(make("option", { value: select.options.length }));
      for (let dim = 0; dim < size; dim++) {
        const rate = frame.rate_per_dimension?.[dim];
        write(select.options[dim], Number.isFinite(rate) ? `${latentName(dim)} (${fixed(rate, 2)} nats)` : latentName(dim));
      }
      select.value = String(dims[k]);
    });
  };
  return { show };
}

/** The latent under a pixel; dimensions that are not drawn keep what the cursor has, or 0. */
function fromPixel({ runs, selection, view }, drawn, across, down) {
  const size = latentSize(runs?.main);
  if (!drawn || !size) return null;
  const { box } = drawn.plane;
  if (across < box.left || across > box.left + box.width) return null;
  const latent = Array.from({ length: size }, (_, dim) => selection?.latent?.[dim] ?? 0);
  const [first, second] = drawn.plane.fromPixel(across, down);
  const dims = planeOf(view, size);
  if (size > 1) latent[dims[1]] = second;
  latent[dims[0]] = first;
  return latent;
}

function select(store, patch) {
  const { selection } = store.get();
  store.set({ selection: { ...selection, ...patch } });
}

function followPointer(canvas, store, latentAt) {
  let pressed = null;
  canvas.addEventListener("pointerdown", (event) => {
    const latent = latentAt(event);
    if (!latent) return;
    pressed = { latent, x: event.clientX, y: event.clientY };
    canvas.setPointerCapture(event.pointerId);
    select(store, { latent, line: null });
  });
  canvas.addEventListener("pointermove", (event) => {
    const latent = latentAt(event);
    if (!latent) return;
    const distance = pressed ? Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) : 0;
    if (distance > DRAG) select(store, { latent, line: [pressed.latent, latent] });
    else if (!pressed) select(store, { latent });
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      pressed = null;
    });
}

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function followKeys(canvas, store) {
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      select(store, { latent: null, line: null, decoded: null });
      return;
    }
    const { runs, selection, view } = store.get();
    const size = latentSize(runs?.main);
    const direction = DIRECTIONS[event.key];
    if (!direction || !size) return;
    event.preventDefault();

    const from = selection?.latent ?? new Array(size).fill(0);
    const latent = [...from];
    const dims = planeOf(view, size);
    latent[dims[0]] += KEY_STEP * direction[0];
    if (size > 1) latent[dims[1]] += KEY_STEP * direction[1];
    const line = event.shiftKey ? [selection?.line?.[0] ?? from, latent] : (selection?.line ?? null);
    select(store, { latent, line });
  });
}

function readOut({ latent, decoded } = {}, units = null) {
  if (!latent) return "";
  const tuple = (values) => `(${Array.from(values, (value) => fixed(value, 3)).join(", ")})`;
  return `z ${tuple(latent)}${decoded?.mean ? ` decodes to ${sayPoint(decoded.mean, units, 3)}` : ""}`;
}

/**
 * What each latent dimension carries, in words.
 * @param {ArrayLike<number>} rates in nats per point
 */
export function describeRates(rates) {
  return Array.from(rates, (rate, dim) => {
    const number = `${fixed(rate, rate < 0.1 ? 3 : 2)} nats`;
    return rate < COLLAPSED ? `latent ${dim + 1} collapsed, ${number}` : `latent ${dim + 1} carries ${number}`;
  }).join("; ");
}

/**
 * The panel in words.
 * @param {{begin: object, frame: object, truth?: object}} run
 * @param {object} selection
 */
export function describe({ begin, frame, truth }, selection = {}) {
  const sentences = [`Step ${frame.step}.`];
  if (frame.rate_per_dimension) sentences.push(`${describeRates(frame.rate_per_dimension)}.`);
  const components = frame.prior?.weights?.length ?? 0;
  sentences.push(components > 1 ? `The prior is a mixture of ${components} Gaussians.` : "The prior is standard normal.");

  const { point, latent, line, decoded } = selection;
  if (Number.isInteger(point)) {
    const size = frame.rate_per_dimension?.length ?? 2;
    const mu = frame.mu.slice(point * size, (point + 1) * size);
    const std = frame.logvar.slice(point * size, (point + 1) * size).map((value) => Math.exp(value / 2));
    const tuple = (values) => Array.from(values, (value) => fixed(value, 2)).join(", ");
    sentences.push(`For point ${point + 1} the encoder says mean ${tuple(mu)} and standard deviation ${tuple(std)}.`);
    const kl = truth?.posterior?.point === point ? truth.posterior.kl : null;
    if (Number.isFinite(kl)) sentences.push(`Its KL from the true posterior is ${fixed(kl, 3)} nats.`);
  }
  if (latent && decoded?.mean) sentences.push(`Cursor: ${readOut(selection, begin?.units)}.`);
  if (line) sentences.push("A line through the latent space is decoded.");
  return sentences.join(" ");
}
