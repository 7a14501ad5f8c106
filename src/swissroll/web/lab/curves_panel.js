// The curves as a panel, and below them a bar of rate for each latent dimension.

import { drawWhenChanged, fixed } from "./canvas.js";
import { calmly } from "./calmly.js";
import { lastNumber, linesOf, rowsUntil } from "./curve_lines.js";
import { drawCurves } from "./curves_view.js";
import { COLLAPSED, describeRates } from "./latent_panel.js";
import { latentName } from "./latent_view.js";
import { DATA, POSTERIOR, REFERENCE, TRUE_POSTERIOR } from "./palette.js";
import { addPicture } from "./picture.js";
import { roundSummary } from "./summary.js";
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
  const note = make("p", { class: "rates quiet" }, "Each against its own share of the mixture prior: they need not add up.");
  const picture = make("div", { class: "curves-picture" }, canvas, readout);
  host.append(make("div", { class: "curves" }, picture, make("div", {}, rates, note)));

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
    if (main?.frame) showRates(rates, main.frame, log.last);
    note.hidden = !main?.frame?.prior;
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

/** The numbers at a step: of one measurement, the last one before it, and of which step it is. */
export function readAt(history, truths, at) {
  const truth = truths.findLast((row) => row.step <= at);
  const { lines } = linesOf(history);
  const rows = lines.map(({ held }) => held.step.findLastIndex((step) => step <= at));
  const measured = rows[0] >= 0 ? lines[0].held.step[rows[0]] : -1;
  if (truth && truth.step >= measured) {
    const shown = roundSummary(truth.evidence);
    const say = (value) => fixed(value, shown.decimals);
    const { distortion, rate, negative_elbo: elbo, value, gap } = shown;
    const numbers = [`distortion ${say(distortion)}`, `rate ${say(rate)}`, `−ELBO ${say(elbo)}`];
    return [whenRead(at, truth.step), ...numbers, `−log p ${say(value)}`, `gap ${say(gap)}`].join("   ");
  }

  const count = rowsUntil(history, at);
  const numbers = lines.map(({ name, train, held }, k) => {
    const value = rows[k] >= 0 ? held.values[rows[k]] : lastNumber(train, count);
    return Number.isFinite(value) ? `${name} ${fixed(value, 2)}` : "";
  });
  return [whenRead(at, measured < 0 ? at : measured), ...numbers].filter(Boolean).join("   ");
}

function whenRead(at, measured) {
  return measured === at ? `step ${at}` : `step ${at}, measured at ${measured}:`;
}

/** What is written of rates that need not add up. */
const OF_A_MIXTURE = "against each latent's own share of the mixture prior; they need not add up to the rate";

/** A bar for each latent: of the last measurement, where its rates add up to the rate, else of the data that are shown. */
function showRates(list, frame, evidence) {
  const isCurrent = evidence?.rates && evidence.step === frame.step;
  const shown = isCurrent ? roundSummary(evidence) : { rates: frame.rate_per_dimension, decimals: 3 };
  const { rates, decimals } = shown;
  while (list.children.length > rates.length) list.lastChild.remove();
  while (list.children.length < rates.length)
    list.append(make("li", {}, make("span"), make("span", { class: "bar" }, make("span")), make("span", { class: "number" })));
  const most = Math.max(1, ...rates);
  Array.from(rates).forEach((rate, dim) => {
    const [name, bar, number] = list.children[dim].children;
    write(name, latentName(dim));
    bar.firstChild.style.width = `${(100 * Math.max(rate, 0)) / most}%`;
    write(number, `${fixed(rate, decimals)} nats${rate < COLLAPSED ? ", collapsed" : ""}`);
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
  for (const { name, train } of lines) sentences.push(`${name}: ${fixed(lastNumber(train), 3)}${unit} on the last batch.`);
  const evidence = truths.at(-1)?.evidence;
  if (evidence) sentences.push(describeSummary(roundSummary(evidence)));
  if (frame?.rate_per_dimension) {
    const words = frame.prior ? ` (${OF_A_MIXTURE})` : "";
    sentences.push(`${describeRates(frame.rate_per_dimension)}${words}.`);
  }
  for (const turn of turns.slice(-3)) sentences.push(`At step ${turn.step}, ${turn.name} was set to ${turn.value}.`);
  return sentences.join(" ");
}

function describeSummary(shown) {
  const say = (value) => `${fixed(value, shown.decimals)} nats`;
  const sentences = [
    `Measured at step ${shown.step}: −ELBO ${say(shown.negative_elbo)}, distortion ${say(shown.distortion)}, rate ${say(shown.rate)}.`,
    `${shown.name}: ${say(shown.value)}.`,
  ];
  if (shown.lower_bound !== null) sentences.push(`Its lower bound: ${say(shown.lower_bound)}.`);
  if (shown.family !== null) {
    const asked = shown.asked === null ? "" : `, ${say(shown.asked)} asked by beta`;
    sentences.push(`The gap of ${say(shown.gap)} is ${say(shown.family)} of the family${asked} and ${say(shown.amortisation)} of amortisation.`);
  }
  return sentences.join(" ");
}
