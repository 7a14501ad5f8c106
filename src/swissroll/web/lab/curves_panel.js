// The curves as a panel, and below them a bar of rate for each latent dimension.

import { drawWhenChanged, fixed } from "./canvas.js";
import { calmly } from "./calmly.js";
import { drawCurves, lastNumber, linesOf, rowsUntil } from "./curves_view.js";
import { COLLAPSED, describeRates } from "./latent_panel.js";
import { latentName } from "./latent_view.js";
import { DATA, POSTERIOR, REFERENCE, TRUE_POSTERIOR } from "./palette.js";
import { addPicture } from "./picture.js";
import { addToggles, make, write } from "./toggles.js";
import { truthLogOf } from "./truth_log.js";

const TOGGLES = [
  { name: "held_out", label: "held-out", mark: "line", colour: DATA, on: true },
  { name: "train", label: "training", mark: "dashes", colour: REFERENCE, on: true },
  { name: "exact", label: "exact −log p(x)", mark: "line", colour: TRUE_POSTERIOR, on: true },
  { name: "gap", label: "gap", mark: "hatch", colour: POSTERIOR, on: true },
];
const DESCRIBE_EVERY = 500;
/** Milliseconds between two pictures: curves move slowly, and all of a long run is drawn each time. */
const DRAW_EVERY = 100;

/**
 * Mount the panel.
 * @param {HTMLElement} element with a .toggles, a .host and a .description
 * @param {object} store
 */
export function mount(element, store) {
  const label = "Curves. Left and right arrow keys read a step, Escape lets it go.";
  const { canvas, surface, readout, host, row, description } = addPicture(element, label);
  const rates = make("ul", { class: "rates", "aria-label": "Rate of each latent dimension" });
  host.append(make("div", { class: "curves" }, make("div", { class: "curves-picture" }, canvas, readout), rates));

  const toggles = addToggles(row, store, TOGGLES);
  const log = truthLogOf(store);
  let begun = null;
  let at = null;
  let plane = null;

  const draw = () => {
    const { runs, turns = [], timeline } = store.get();
    const main = runs?.main;
    if (!surface.begin() || !main?.history) return;
    const run = { history: main.history, truths: log.rows, turns, at: at ?? timeline?.at ?? null };
    plane = drawCurves(surface, run, toggles.isOn);
    if (!plane) return;
    write(readout, at === null ? "" : readAt(main.history, log.rows, at));
  };
  const tell = calmly(DESCRIBE_EVERY, () => {
    const { runs, turns = [] } = store.get();
    const main = runs?.main;
    if (main?.history?.step?.length) write(description, describe(main, log.rows, turns));
    if (main?.frame?.rate_per_dimension) showRates(rates, main.frame.rate_per_dimension);
  });
  const invalidate = drawWhenChanged(canvas, draw, DRAW_EVERY);
  store.subscribe((state, changed) => {
    if (!["runs", "view", "timeline", "turns"].some((key) => changed.has(key))) return;
    if (log.begin !== begun) at = null;
    begun = log.begin;
    tell(changed.has("turns"));
    invalidate(changed.has("view") || changed.has("timeline"));
  });

  const read = (step) => {
    at = step;
    invalidate(true);
  };
  followPointer(canvas, () => plane, read);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") read(null);
    const direction = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!direction || !plane) return;
    event.preventDefault();
    const last = plane.x[1];
    const from = at ?? last;
    read(Math.round(Math.min(Math.max(from + direction * Math.max(1, last / 100), 0), last)));
  });
}

function followPointer(canvas, plane, read) {
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const drawn = plane();
    if (!drawn) return;
    const [step] = drawn.fromPixel(event.clientX - box.left, 0);
    read(step <= drawn.x[1] ? Math.max(0, Math.round(step)) : null);
  };
  canvas.addEventListener("pointermove", place);
  canvas.addEventListener("pointerdown", place);
  canvas.addEventListener("pointerleave", () => read(null));
}

function readAt(history, truths, at) {
  const { lines } = linesOf(history);
  const count = rowsUntil(history, at);
  const parts = [`step ${at}`];
  for (const { name, train, held_out: held } of lines) {
    const value = lastNumber(held.length ? held : train, count);
    if (Number.isFinite(value)) parts.push(`${name} ${fixed(value, 2)}`);
  }
  const truth = truths.filter((row) => row.step <= at).at(-1);
  if (truth) {
    parts.push(`−log p ${fixed(truth.evidence.value, 2)}`);
    if (Number.isFinite(truth.evidence.gap)) parts.push(`gap ${fixed(truth.evidence.gap, 3)}`);
  }
  return parts.join("   ");
}

function showRates(list, rates) {
  while (list.children.length > rates.length) list.lastChild.remove();
  while (list.children.length < rates.length)
    list.append(make("li", {}, make("span"), make("span", { class: "bar" }, make("span")), make("span", { class: "number" })));
  const most = Math.max(1, ...rates);
  Array.from(rates).forEach((rate, dim) => {
    const [name, bar, number] = list.children[dim].children;
    write(name, latentName(dim));
    bar.firstChild.style.width = `${(100 * Math.max(rate, 0)) / most}%`;
    write(number, `${fixed(rate, rate < 0.1 ? 3 : 2)} nats${rate < COLLAPSED ? ", collapsed" : ""}`);
  });
}

/**
 * The panel in words.
 * @param {{history: object, frame?: object}} run
 * @param {{step: number, evidence: object}[]} truths
 * @param {{step: number, name: string, value: number}[]} turns
 */
export function describe({ history, frame }, truths, turns) {
  const { step, lines, inNats } = linesOf(history);
  const sentences = [`Step ${step[step.length - 1]}.`];
  const unit = inNats ? " nats" : "";
  for (const { name, train, held_out: held } of lines) {
    const parts = [];
    const heldLast = lastNumber(held);
    if (Number.isFinite(heldLast)) parts.push(`${fixed(heldLast, 3)}${unit} held-out`);
    parts.push(`${fixed(lastNumber(train), 3)}${unit} on the last batch`);
    sentences.push(`${name}: ${parts.join(", ")}.`);
  }
  const evidence = truths.at(-1)?.evidence;
  if (evidence) {
    sentences.push(`${evidence.name ?? "negative log evidence"}: ${fixed(evidence.value, 3)} nats.`);
    if (Number.isFinite(evidence.lower_bound)) sentences.push(`Its lower bound: ${fixed(evidence.lower_bound, 3)} nats.`);
    if (Number.isFinite(evidence.amortisation))
      sentences.push(
        `The gap of ${fixed(evidence.gap, 3)} nats is ${fixed(evidence.amortisation, 3)} of amortisation and ${fixed(evidence.family, 3)} of the family.`,
      );
  }
  if (frame?.rate_per_dimension) sentences.push(`${describeRates(frame.rate_per_dimension)}.`);
  for (const turn of turns.slice(-3)) sentences.push(`At step ${turn.step}, ${turn.name} was set to ${turn.value}.`);
  return sentences.join(" ");
}
