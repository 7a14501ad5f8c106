// The data's space as a panel: toggles, hover and keys that choose a point, and a text alternative.

import { drawWhenChanged, fixed, say } from "./canvas.js";
import { calmly } from "./calmly.js";
import { drawData, isResolved, pointsOf } from "./data_view.js";
import { DATA, GENERATED, GRID, RECONSTRUCTION, REFERENCE } from "./palette.js";
import { addPicture } from "./picture.js";
import { FIRST_SIDE } from "./projection.js";
import { currentRun } from "./summary.js";
import { addToggles, make, write } from "./toggles.js";
import { sayPoint, shortName } from "./units.js";

const TOGGLES = [
  { name: "data", label: "data", mark: "dot", colour: DATA, on: true },
  { name: "coordinate", label: "by t", mark: "dot", colour: "#CB3C97", on: true },
  { name: "reconstructions", label: "reconstructions", mark: "ring", colour: RECONSTRUCTION, on: false },
  { name: "residuals", label: "residuals", mark: "line", colour: REFERENCE, on: false },
  { name: "mesh", label: "grid", mark: "mesh", colour: GRID, on: true },
  { name: "density", label: "density p(x)", mark: "contour", colour: GENERATED, on: true },
  { name: "samples", label: "samples", mark: "triangle", colour: GENERATED, on: false },
  { name: "noise", label: "with noise", mark: "plus", colour: GENERATED, on: false },
];
/** Pixels within which a point is under the cursor. */
const NEAR = 28;
/** Points along the way that Shift and an arrow key jump over. */
const FAR_JUMP = 8;
const DESCRIBE_EVERY = 1000;
const COMPARES = new Set(["twin", "break"]);

/**
 * Mount the panel.
 * @param {HTMLElement} element with a .toggles, a .host and a .description
 * @param {object} store
 * @param {object} engine
 */
export function mount(element, store, engine) {
  const label = "Data space. Arrow keys choose a point, Escape lets it go.";
  const { canvas, surface, readout, row, description } = addPicture(element, label);
  const toggles = addToggles(row, store, TOGGLES);
  const side = { ...FIRST_SIDE };
  let drawn = null;

  const draw = () => {
    const { runs, selection, running } = store.get();
    if (!surface.begin() || !runs?.main?.begin) return;
    const main = currentRun(runs.main, running);
    drawn = drawData(surface, main, { shows: toggles.isOn, selection, side });
    const caveat = toggles.isOn("density") && main.truth?.density ? caveatOf(main.truth.density) : "";
    write(readout, [readOut(main, selection), caveat].filter(Boolean).join("   "));
  };
  const tell = calmly(DESCRIBE_EVERY, () => {
    const { runs, selection, running } = store.get();
    if (runs?.main?.begin) write(description, describe(currentRun(runs.main, running), selection));
  });
  const invalidate = drawWhenChanged(canvas, draw);
  const sides = addSides(row, side, invalidate);

  let begun = null;
  store.subscribe((state, changed) => {
    const begin = state.runs?.main?.begin ?? null;
    if (begin && begin !== begun) {
      begun = begin;
      chooseFirst(store, begin);
      toggles.rename("coordinate", `by ${shortName(begin.coordinate_name)}`);
    }
    if (!["runs", "selection", "view", "timeline", "running"].some((key) => changed.has(key))) return;
    const main = state.runs?.main;
    if (main?.begin) {
      const { dims } = pointsOf(main.begin);
      sides.hidden = dims !== 3;
      toggles.allow("coordinate", main.begin.coordinate ? null : "Nothing but their place is known of these points.");
      toggles.allow("density", whyNoDensity(main, dims));
      toggles.allow("noise", main.frame?.sigma === 0 ? "A decoder without noise adds none." : null);
    }
    tell(changed.has("selection"));
    invalidate();
  });
  keepEngineInformed(store, engine, toggles);
  followPointer(canvas, store, () => drawn, side, sides, invalidate);
  followKeys(canvas, store, () => drawn);
}

function whyNoDensity(main, dims) {
  if (dims !== 2) return "The density is drawn for points of two coordinates.";
  if (main.frame?.sigma === 0) return "At beta 0 the decoder has no noise, and so the model has no density.";
  return null;
}

/** Tell the engine what is looked at, so that it computes that and no more. */
function keepEngineInformed(store, engine, toggles) {
  let told = "";
  const tell = () => {
    const { runs, selection, view } = store.get();
    if (!runs?.main?.begin) {
      told = "";
      return;
    }
    const wanted = {
      mesh: toggles.isOn("mesh"),
      density: toggles.isOn("density"),
      // Two runs side by side show their samples, too.
      samples: toggles.isOn("samples") || toggles.isOn("noise") || COMPARES.has(view?.tool),
      posterior: view?.toggles?.posterior ?? true,
      plane: view?.plane ?? [0, 1],
      point: selection?.point ?? null,
    };
    const text = JSON.stringify(wanted);
    if (text === told) return;
    told = text;
    engine.look(wanted).catch(() => {
      told = "";
    });
  };
  let begun = null;
  store.subscribe((state) => {
    const begin = state.runs?.main?.begin ?? null;
    if (begin !== begun) {
      begun = begin;
      told = "";
    }
    tell();
  });
}

function addSides(row, side, invalidate) {
  const sides = make("span", { class: "sides" });
  for (const [name, label, low, high] of [
    ["turn", "turn", -3.15, 3.15],
    ["tilt", "tilt", -1.57, 1.57],
  ]) {
    const slider = make("input", { type: "range", min: low, max: high, step: 0.05, value: side[name], name });
    slider.addEventListener("input", () => {
      side[name] = Number(slider.value);
      invalidate();
    });
    sides.append(make("label", { class: "chip" }, `${label} `, slider));
  }
  sides.hidden = true;
  row.append(sides);
  return sides;
}

/** Choose a point, or none, and whether it stays chosen when the cursor moves on. */
function choose(store, point, pinned) {
  const { selection } = store.get();
  if ((selection?.point ?? null) === point && Boolean(selection?.pinned) === pinned) return;
  const draws = point === selection?.point ? selection.draws : null;
  store.set({ selection: { ...selection, point, pinned, draws } });
}

/** A run begins with a point chosen, from the middle of the data: so its posterior is seen at once. */
function chooseFirst(store, begin) {
  if (Number.isInteger(store.get().selection?.point)) return;
  const { count } = pointsOf(begin);
  let best = 0;
  for (let k = 1; begin.coordinate && k < count; k++)
    if (Math.abs(begin.coordinate[k] - 0.5) < Math.abs(begin.coordinate[best] - 0.5)) best = k;
  choose(store, best, false);
}

function isPinned(store) {
  const { point = null, pinned = false } = store.get().selection ?? {};
  return pinned && point !== null;
}

function nearest({ plane, points }, across, down) {
  let best = null;
  let least = NEAR ** 2;
  for (let k = 0; k < points.length / 2; k++) {
    const [x, y] = plane.toPixel(points[2 * k], points[2 * k + 1]);
    const square = (x - across) ** 2 + (y - down) ** 2;
    if (square < least) {
      least = square;
      best = k;
    }
  }
  return best;
}

function followPointer(canvas, store, drawn, side, sides, invalidate) {
  let turning = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointermove", (event) => {
    if (turning) {
      side.turn += (event.clientX - turning.x) / 120;
      side.tilt = Math.min(Math.max(side.tilt + (event.clientY - turning.y) / 120, -1.57), 1.57);
      turning = { x: event.clientX, y: event.clientY };
      for (const slider of sides.querySelectorAll("input")) slider.value = side[slider.name];
      invalidate();
      return;
    }
    if (!drawn() || event.pointerType === "touch" || isPinned(store)) return;
    const found = nearest(drawn(), ...place(event));
    if (found !== null) choose(store, found, false);
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (!sides.hidden) {
      turning = { x: event.clientX, y: event.clientY };
      canvas.setPointerCapture(event.pointerId);
    }
    if (!drawn()) return;
    const found = nearest(drawn(), ...place(event));
    const again = isPinned(store) && (found === null || found === store.get().selection.point);
    choose(store, again ? null : found, !again && found !== null);
  });
  for (const name of ["pointerup", "pointercancel"])
    canvas.addEventListener(name, () => {
      turning = null;
    });
}

const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

function followKeys(canvas, store, drawn) {
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      choose(store, null, false);
      return;
    }
    const direction = DIRECTIONS[event.key];
    if (!direction || !drawn()) return;
    event.preventDefault();
    let point = store.get().selection?.point ?? null;
    for (let jump = event.shiftKey ? FAR_JUMP : 1; jump > 0; jump--) point = neighbour(drawn().points, point, direction);
    choose(store, point, true);
  });
}

/** The nearest point in a direction, within half a right angle of it. */
function neighbour(points, from, [across, up]) {
  if (from === null) return 0;
  let best = from;
  let least = Infinity;
  for (let k = 0; k < points.length / 2; k++) {
    const x = points[2 * k] - points[2 * from];
    const y = points[2 * k + 1] - points[2 * from + 1];
    const ahead = x * across + y * up;
    const aside = Math.abs(x * up) + Math.abs(y * across);
    if (ahead > aside && ahead + aside < least) {
      least = ahead + aside;
      best = k;
    }
  }
  return best;
}

function readOut({ begin, frame }, selection = {}) {
  const { dims, count } = pointsOf(begin);
  const { point, pinned, latent, decoded } = selection;
  const parts = [];
  if (latent && decoded?.mean) parts.push(`decoded ${sayPoint(decoded.mean, begin.units, 3)}`);
  if (Number.isInteger(point) && point < count) {
    const x = begin.points.slice(point * dims, (point + 1) * dims);
    const to = frame?.reconstructions?.slice(point * dims, (point + 1) * dims);
    const from = sayPoint(x, begin.units);
    parts.push(`x ${from}${to ? ` → ${sayPoint(to, begin.units)}` : ""}${pinned ? " · pinned" : ""}`);
  }
  return parts.join("   ");
}

/** A blur wider than sigma by this factor is said. */
const WIDER = 1.25;

/** How a density is not quite what it should be; empty where it is. */
function caveatOf(density) {
  const { blur, sigma } = density;
  if (!isResolved(density)) return `p(x) not drawn: σ ${say(sigma, 2)} is finer than its grid of latents`;
  return blur > WIDER * sigma ? `p(x) blurred to ${say(blur, 2)}: σ is ${say(sigma, 2)}` : "";
}

/**
 * The panel in words.
 * @param {{begin: object, frame?: object, truth?: object}} run
 * @param {object} selection
 */
export function describe({ begin, frame, truth }, selection = {}) {
  const { count, dims, extent } = pointsOf(begin);
  const { units } = begin;
  const reach = say(extent / 1.15, 2);
  const sentences = [
    units
      ? `${count} rows of the columns ${units.columns.join(", ")}, which reach ${reach} standard deviations from their mean.`
      : `${count} data points of ${dims} coordinates, which reach ${reach} from the origin.`,
  ];
  if (frame?.reconstructions) {
    let sum = 0;
    for (let at = 0; at < begin.points.length; at++) sum += (frame.reconstructions[at] - begin.points[at]) ** 2;
    sentences.push(
      `At step ${frame.step}, reconstructions lie ${say(Math.sqrt(sum / count), 2)} from their points (root mean square${units ? ", in standard deviations of the columns" : ""}).`,
    );
  }
  if (truth?.density && isResolved(truth.density)) sentences.push(`The exact density p(x) of step ${truth.density.step} is drawn.`);
  const caveat = truth?.density ? caveatOf(truth.density) : "";
  if (caveat) sentences.push(`${caveat}.`);
  if (Number.isInteger(selection.point)) sentences.push(`Point ${selection.point + 1} is chosen: ${readOut({ begin, frame }, selection)}.`);
  else if (selection.latent && selection.decoded?.mean) sentences.push(`The cursor's latent is ${readOut({ begin, frame }, selection)}.`);
  return sentences.join(" ");
}
