// Two runs beside one another, step for step, and their difference in nats.

import { Plane, Surface, drawAxes, drawText, drawWhenChanged, fixed, say, ticks } from "./canvas.js";
import { calmly } from "./calmly.js";
import { drawPolyline, thin } from "./curves_view.js";
import { drawData, pointsOf } from "./data_view.js";
import { drawLatentLine } from "./latent_line.js";
import { drawLatentPlane } from "./latent_view.js";
import { DATA, REFERENCE } from "./palette.js";
import { FIELDS, LIVE } from "./settings.js";
import { make, write } from "./toggles.js";

/** The run that is compared with the main one. */
export const OTHER = "twin";
const IN_DATA = new Set(["data", "coordinate", "samples"]);
const IN_LATENT = new Set(["means", "ellipses", "prior"]);
const WRITE_EVERY = 300;

/**
 * The difference of two runs at the steps that both have.
 * @param {Record<string, number[]>} main history
 * @param {Record<string, number[]>} other history
 * @param {"" | "held_out_"} prefix
 * @returns {{step: number[], nats: number[]}} other less main, of the negative ELBO
 */
export function differenceOf(main, other, prefix = "") {
  const step = [];
  const nats = [];
  const column = (history, name) => history[`${prefix}${name}`] ?? [];
  let at = 0;
  (other.step ?? []).forEach((place, k) => {
    while (at < (main.step?.length ?? 0) && main.step[at] < place) at += 1;
    if (main.step?.[at] !== place) return;
    const value =
      column(other, "distortion")[k] + column(other, "rate")[k] - column(main, "distortion")[at] - column(main, "rate")[at];
    if (!Number.isFinite(value)) return;
    step.push(place);
    nats.push(value);
  });
  return { step, nats };
}

/**
 * Tell the engine to train a second run in lock step with the main one.
 * @param {object} store
 * @param {object} engine
 * @param {object} patch settings that differ
 * @returns {Promise<boolean>} whether it is there: it may have been ended while it caught up
 */
export async function startOther(store, engine, patch) {
  store.setRun(OTHER, null);
  const { started, settings, turns = [], points } = store.get();
  const kept = turns.filter(({ name }) => !(name in patch)).map(({ step, name, value }) => ({ step, [name]: value }));
  // Without a schedule a run may go on beyond its last step, and then so does this one.
  const isScheduled = settings.lr_schedule !== "constant" || settings.beta_start !== null || settings.refit_prior;
  const steps = isScheduled ? settings.steps : FIELDS.steps.high;
  await engine.request(OTHER, "start", {
    settings: { ...settings, ...started, turns: kept, steps, ...patch },
    points,
    follows: "main",
  });
  const isThere = () => Boolean(store.get().runs?.[OTHER]);
  if (!isThere()) return false;
  const wanted = { mesh: true, samples: true, density: false, posterior: false, plane: [0, 1], point: null };
  await engine.request(OTHER, "view", wanted);
  differing = new Set(Object.keys(patch));
  return isThere();
}

/** Knobs in which the second run differs; all others are turned in both. */
let differing = new Set();

/**
 * Turn beta and the learning rate in the second run, too, unless it is the one that differs.
 * @param {object} store
 * @param {object} engine
 */
export function turnBoth(store, engine) {
  let known = store.get().settings;
  store.subscribe(({ settings, runs }, changed) => {
    if (!changed.has("settings")) return;
    const before = known;
    known = settings;
    if (!runs?.[OTHER]) return;
    const knobs = LIVE.filter((name) => settings[name] !== before[name] && !differing.has(name));
    if (!knobs.length) return;
    engine.request(OTHER, "set", Object.fromEntries(knobs.map((name) => [name, settings[name]]))).catch(() => {});
  });
}

/**
 * End the second run.
 * @param {object} store
 * @param {object} engine
 */
export async function stopOther(store, engine) {
  if (!store.get().runs?.[OTHER]) return;
  store.setRun(OTHER, null);
  await engine.request(OTHER, "stop").catch(() => {});
}

/**
 * End the second run whenever the main one begins anew: it has another start then.
 * @param {object} store
 * @param {object} engine
 * @param {() => void} ended
 */
export function endWithMain(store, engine, ended) {
  let begun = store.get().runs?.main?.begin ?? null;
  store.subscribe((state) => {
    const begin = state.runs?.main?.begin ?? null;
    if (begin === begun) return;
    begun = begin;
    if (state.runs?.[OTHER]) stopOther(store, engine);
    ended();
  });
}

/**
 * Pictures of both runs, the curve of their difference, and a sentence.
 * @param {HTMLElement} host
 * @param {object} store
 * @param {{title: () => string, told: (sentence: string) => void}} words the second run's title, and who is told
 */
export function addPair(host, store, { title, told }) {
  const names = { main: make("span", {}, "this run"), [OTHER]: make("span") };
  const surfaces = [];
  const grid = make("div", { class: "pair" });
  for (const run of ["main", OTHER]) {
    const row = make("figure", {});
    for (const space of ["data", "latent"]) {
      const canvas = make("canvas", { role: "img", "aria-label": `${space} space` });
      row.append(make("div", { class: "frame" }, canvas));
      surfaces.push({ run, space, surface: new Surface(canvas), canvas });
    }
    row.append(make("figcaption", {}, names[run]));
    grid.append(row);
  }
  const curve = make("canvas", { role: "img", "aria-label": "difference of the two runs" });
  const sentence = make("p", { class: "number difference" });
  const all = make("div", { class: "comparison" }, grid, sentence, make("div", { class: "frame curve" }, curve));
  host.append(all);
  all.hidden = true;

  const difference = new Surface(curve);
  const invalidations = surfaces.map(({ run, space, surface, canvas }) =>
    drawWhenChanged(canvas, () => {
      const found = store.get().runs?.[run];
      if (surface.begin() && found?.begin && found.frame) drawSpace(surface, found, space, store.get().runs);
    }),
  );
  invalidations.push(
    drawWhenChanged(curve, () => {
      const { runs } = store.get();
      if (runs?.[OTHER] && difference.begin()) drawDifference(difference, runs);
    }),
  );
  const writeWords = calmly(WRITE_EVERY, () => {
    if (!store.get().runs?.[OTHER]) return;
    write(names[OTHER], title());
    write(sentence, describePair(store.get().runs));
    told(`${title()}. ${sentence.textContent}`);
  });
  const update = () => {
    const isThere = Boolean(store.get().runs?.[OTHER]);
    all.hidden = !isThere;
    if (!isThere) return;
    writeWords();
    for (const invalidate of invalidations) invalidate();
  };
  store.subscribe((_, changed) => {
    if (changed.has("runs") || changed.has("view")) update();
  });
  return {
    refresh: () => {
      update();
      writeWords(true);
    },
  };
}

/** Both runs are drawn to the same scale of the data. */
function drawSpace(surface, run, space, runs) {
  if (space === "data") {
    const extent = pointsOf(runs.main.begin).extent;
    drawData(surface, run, { shows: (name) => IN_DATA.has(name), bare: true, extent });
    return;
  }
  const size = run.frame.mu.length / pointsOf(run.begin).count;
  const options = { shows: (name) => IN_LATENT.has(name), bare: true, dims: [0, Math.min(1, size - 1)] };
  if (size === 1) drawLatentLine(surface, run, options);
  else drawLatentPlane(surface, run, options);
}

/**
 * Draw the difference of two runs against their steps.
 * @param {import("./canvas.js").Surface} surface that has begun
 * @param {Record<string, {begin?: object, history?: object}>} runs
 */
export function drawDifference(surface, runs) {
  const held = differenceOf(runs.main.history ?? {}, runs[OTHER].history ?? {}, "held_out_");
  // On a batch a mistake is measured by itself; on held-out points all runs are measured alike.
  const isMistaken = Boolean(runs[OTHER].begin?.settings?.mistake) && held.step.length > 0;
  const batch = isMistaken ? held : differenceOf(runs.main.history ?? {}, runs[OTHER].history ?? {});
  const { context } = surface;
  if (!batch.step.length) return;

  // What comes after the first quarter fits; what is before may leave the picture.
  const last = Math.max(batch.step.at(-1), 10);
  let low = 0;
  let high = 0;
  for (let k = 0; k < batch.step.length; k++) {
    if (batch.step[k] < 0.25 * last && batch.step.length > 30) continue;
    low = Math.min(low, batch.nats[k]);
    high = Math.max(high, batch.nats[k]);
  }
  const every = ticks(low, high, 4)[1] - ticks(low, high, 4)[0] || 1;
  const range = [Math.floor(low / every - 0.2) * every, Math.ceil(high / every + 0.2) * every];
  const box = { left: 0, top: 0, width: surface.width, height: surface.height };
  const plane = new Plane(box, [0, last], range);
  drawAxes(surface, plane, { x: "step", y: "" });
  plane.clipped(context, () => {
    drawPolyline(context, [plane.toPixel(0, 0), plane.toPixel(last, 0)], { colour: REFERENCE, width: 1.5 });
    if (!isMistaken) drawPolyline(context, thin(batch.step, batch.nats, plane), { colour: DATA, width: 1, dash: [1, 2] });
    if (held.step.length) drawPolyline(context, thin(held.step, held.nats, plane), { colour: DATA, width: 2.5 });
  });
  // Over the curve, which often runs along the upper edge.
  const look = { colour: surface.theme.quiet, font: surface.smallFont };
  drawText(surface, "difference of −ELBO, nats", 4, 0.7 * surface.textSize, look);
}

/**
 * The last step that both runs have measured, and their numbers there.
 * @param {Record<string, number[]>} main history
 * @param {Record<string, number[]>} other history
 * @param {string} name a column that both must have a number in
 * @returns {{step: number, here: number, there: number} | null} the step, and its row in each history; null for none
 */
export function lastCommon(main, other, name) {
  const isMeasured = (history, row) => Number.isFinite(history[name]?.[row]);
  let here = (main.step?.length ?? 0) - 1;
  for (let there = (other.step?.length ?? 0) - 1; there >= 0; there--) {
    while (here >= 0 && main.step[here] > other.step[there]) here -= 1;
    const isCommon = here >= 0 && main.step[here] === other.step[there];
    if (isCommon && isMeasured(main, here) && isMeasured(other, there)) return { step: main.step[here], here, there };
  }
  return null;
}

/**
 * The difference of two runs in words, at one step that both were measured at.
 * @param {Record<string, {history?: object, frame?: object, problem?: object}>} runs
 */
export function describePair(runs) {
  const other = runs[OTHER];
  if (other.problem) {
    const place = Number.isFinite(other.problem.step) ? ` at step ${other.problem.step}` : "";
    return `It broke${place}${other.problem.term ? `, in ${other.problem.term}` : ""}. ${other.problem.sentence ?? ""}`;
  }
  const [main, twin] = [runs.main.history ?? {}, other.history ?? {}];
  const prefix = lastCommon(main, twin, "held_out_rate") ? "held_out_" : "";
  const common = lastCommon(main, twin, `${prefix}rate`);
  const [now, twinNow] = [runs.main.frame?.step ?? 0, other.frame?.step ?? 0];
  const behind = now - twinNow;
  const isLater = behind === 0 && common?.step < now;
  const left = `${behind.toLocaleString("en")} ${behind === 1 ? "step" : "steps"}`;
  const waits = behind > 0 ? ` It catches up: ${left} to go.` : isLater ? ` Both are at step ${now.toLocaleString("en")} now.` : "";
  if (!common) return waits.trim() || "Neither run has taken a step.";

  const here = (name) => main[name][common.here];
  const there = (name) => twin[name][common.there];
  const step = `Step ${common.step.toLocaleString("en")}`;
  const [rate, distortion] = [`${prefix}rate`, `${prefix}distortion`];
  if (!Number.isFinite(here(distortion) + there(distortion)))
    return `${step}. Rate ${fixed(there(rate))} against ${fixed(here(rate))} nats; one of the two has no decoder noise, so no ELBO.${waits}`;

  // Hundredths, so that what is written adds up.
  const hundredths = (value) => Math.round(100 * value);
  const parts = [distortion, rate].map((name) => hundredths(there(name) - here(name)));
  const whole = parts[0] + parts[1];
  const elbo = hundredths(here(distortion) + here(rate));
  const digits = (value) => fixed(value / 100);
  const sign = (value) => (value < 0 ? digits(value) : `+${digits(value)}`);
  return (
    `${step}. −ELBO ${digits(elbo + whole)} against ${digits(elbo)} nats: ` +
    `${sign(whole)} (distortion ${sign(parts[0])}, rate ${sign(parts[1])}). ` +
    `Loss ${say(there("loss"))} against ${say(here("loss"))}.${waits}`
  );
}
