// What is happening: the diagnosis as a sentence, the loss with its numbers, and what its beta amounts to.

import { fixed, say, steady } from "./canvas.js";
import { calmly } from "./calmly.js";
import { isRecent, lastNumber, rowsUntil } from "./curve_lines.js";
import { pointsOf } from "./data_view.js";
import { term as explainedWord } from "./glossary.js";
import { currentRun, recentSummary } from "./summary.js";
import { addSums } from "./sums.js";
import { make, write } from "./toggles.js";

/** Advice that is none at beta 0. */
const TEN_TIMES_BETA = "Multiply beta by ten.";
/** A preset of the package by the name that it has in this page. */
const PRESET_BEST = "train with the preset 'best', which does so";
const QUESTION_BEST = "open the question \u201cHow far does best get?\u201d, which does so";
const C2ST = "C2ST";
/** Numbers change no faster than can be read. */
const EVERY = 250;

/**
 * The terms of the loss on the last training batch, with beta as it is now: what a knob that was turned makes of them.
 * @param {{begin: object, frame: object, history: object}} run
 * @param {number | null} [at] the step of a snapshot that is looked at
 * @returns {{loss: number, error: number, beta: number, kl: number, errorName: string, klName: string}}
 */
export function termsOf({ begin, frame, history }, at = null) {
  const { dims, count } = pointsOf(begin);
  const size = frame.mu.length / count;
  // Of the run that is shown, and not of the one that the menus are set to.
  const { reduction, decoder_variance } = begin.settings;
  const isMean = reduction === "mean";

  const { beta } = frame;
  const rows = rowsUntil(history, at);
  const rate = lastNumber(history.rate ?? [], rows);
  const kl = isMean ? rate / size : rate;
  const error = lastNumber(history.loss ?? [], rows) - lastNumber(history.beta ?? [], rows) * kl;
  const over = (number, what) => (isMean ? `mean over ${number} ${what}` : `sum over ${number} ${what}`);
  return {
    loss: error + beta * kl,
    error,
    beta,
    kl,
    errorName: `${decoder_variance === "learned" ? "distortion" : "squared error"}, ${over(dims, "coordinates")}`,
    klName: `KL(q‖p), ${over(size, size === 1 ? "latent" : "latents")}`,
  };
}

/** Share of all steps by which a diagnosis may be behind before it says so; of one that stands still, none. */
const BEHIND = 0.25;

/** Of which step a diagnosis is, where that is long ago. */
function whenSaid({ step }, frame, running) {
  const behind = running ? BEHIND * frame?.step : 0;
  const isOld = Number.isFinite(step) && Math.abs(frame?.step - step) > behind;
  return isOld ? ` That was at step ${step.toLocaleString("en")}.` : "";
}

/**
 * How a run stands, in a sentence.
 * @param {{problem?: object, stopped?: object, truth?: object, frame?: object}} run
 * @param {boolean} running whether it goes on: then it has not stopped
 * @returns {{kind: "broke"|"stopped"|"says"|"waits", title: string, sentence: string}}
 */
export function verdictOf({ problem, stopped, truth, frame }, running = false) {
  if (problem) {
    const place = Number.isFinite(problem.step) ? ` at step ${problem.step}` : "";
    const term = problem.term ? `, in ${problem.term}` : "";
    return { kind: "broke", title: `It broke${place}${term}.`, sentence: problem.sentence ?? "" };
  }
  // Of a start there is nothing to judge, and what was found of it is none of later steps.
  const isStart = frame?.step === 0 || truth?.diagnosis?.step === 0;
  const said = isStart ? null : truth?.diagnosis;
  if (stopped && !running) {
    // What was found of the run is as true as before.
    const sentence = [stopped.sentence, said && said.sentence + whenSaid(said, frame, running)].filter(Boolean).join(" ");
    return { kind: "stopped", title: "It stopped by itself.", sentence };
  }
  if (!said) return { kind: "waits", title: "", sentence: firstWords(truth, frame) };
  const name = said.verdict ?? said.name ?? "";
  // A sentence that begins with the verdict needs no title.
  const saysIt = said.sentence.toLowerCase().startsWith(name.toLowerCase());
  return { kind: "says", title: saysIt ? "" : `${capitalised(name)}.`, sentence: said.sentence + whenSaid(said, frame, running) };
}

/** What is known before the first diagnosis. */
function firstWords(truth, frame) {
  if (!frame?.step) return "Nothing is trained yet.";
  const evidence = truth?.evidence;
  if (!Number.isFinite(evidence?.gap) || !isRecent(evidence.step, frame.step)) return "The first diagnosis is on its way.";
  // A bound lies between the ELBO and the evidence.
  const least = evidence.exact === false ? "at least " : "";
  return `The ELBO is ${least}${fixed(evidence.gap, 2)} nats from the evidence that it bounds; the first diagnosis is on its way.`;
}

const capitalised = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/**
 * Mount the panel.
 * @param {HTMLElement} element with a .host and a .description
 * @param {object} store
 */
export function mount(element, store) {
  const parts = build(element.querySelector(".host"));
  const description = element.querySelector(".description");

  const show = calmly(EVERY, () => {
    const { runs, running, timeline } = store.get();
    if (!runs?.main?.begin) return;
    const main = currentRun(runs.main, running);
    const at = timeline?.at ?? null;
    const sentences = [showVerdict(parts, runs.main, running)];
    // What is known of the run before is not of this one.
    parts.numbers.hidden = !main.frame;
    if (main.frame) {
      sentences.push(showLoss(parts, termsOf(main, at)));
      const shown = recentSummary(main);
      sentences.push(parts.showSums(shown), showNats(parts, main, at, shown !== null));
      sentences.push(showMeaning(parts, main));
    }
    write(description, sentences.filter(Boolean).join(" "));
  });
  store.subscribe((_, changed) => {
    if (["runs", "settings", "running", "timeline"].some((key) => changed.has(key))) show();
  });
}

function build(host) {
  const title = make("strong");
  const sentence = make("span");
  const advice = make("span", { class: "advice" });
  const verdict = make("p", { class: "verdict" }, title, " ", sentence, " ", advice);

  const term = (name, word, classes = "") => {
    const number = make("b", { class: "number" });
    const caption = make("small");
    const cell = make("div", { class: `term ${classes}` }, explainedWord(name, word), number, caption);
    return { cell, number, caption };
  };
  const sign = (text) => make("div", { class: "sign", "aria-hidden": "true" }, text);
  const loss = term("loss", "loss");
  const error = term("error", "error", "of-error");
  const beta = term("beta", "beta");
  const kl = term("KL", "rate", "of-kl");
  write(loss.caption, "of the last batch");
  write(beta.caption, "the knob");
  const equation = make("div", { class: "equation" }, loss.cell, sign("="), error.cell, sign("+"), beta.cell, sign("×"), kl.cell);

  const nats = make("p", { class: "number" });
  const meaning = make("p");
  const numbers = make("div", { class: "story" }, equation);
  const showSums = addSums(numbers);
  numbers.append(nats, meaning);
  host.append(make("div", { class: "story" }, verdict, numbers));
  return { verdict, title, sentence, advice, loss, error, beta, kl, numbers, showSums, nats, meaning };
}

function showVerdict({ verdict, title, sentence, advice }, main, running) {
  const found = verdictOf(main, running);
  verdict.dataset.kind = found.kind;
  write(title, found.title);
  writeExplained(sentence, found.sentence);
  const advised = found.kind === "says" ? (main.truth.diagnosis.advice ?? "") : "";
  // No multiple of 0 is another beta.
  write(advice, main.frame?.sigma === 0 && advised === TEN_TIMES_BETA ? "Set beta to 0.01." : adviseHere(advised));
  return `${found.title} ${found.sentence} ${advice.textContent}`.trim();
}

/** The package's advice in the words of this page. @param {string} advice */
export const adviseHere = (advice) => advice.replace(PRESET_BEST, QUESTION_BEST);

/** Put a sentence into an element where it changed, with the words explained that are in no other place. */
function writeExplained(element, text) {
  if (element.textContent === text) return;
  const parts = text.split(C2ST).flatMap((part, k) => (k ? [explainedWord(C2ST, "c2st"), part] : [part]));
  element.replaceChildren(...parts);
}

function showLoss({ loss, error, beta, kl }, terms) {
  // Before the first step there is no batch whose loss was computed.
  const known = (value) => (Number.isFinite(terms.loss) ? steady(value) : "\u2013");
  write(loss.number, known(terms.loss));
  write(error.number, known(terms.error));
  write(beta.number, say(terms.beta, 3));
  write(kl.number, known(terms.kl));
  write(error.caption, terms.errorName);
  write(kl.caption, terms.klName);
  if (!Number.isFinite(terms.loss)) return "No step was taken yet, so no loss was computed.";
  return `The loss ${say(terms.loss)} is ${terms.errorName} ${say(terms.error)}, plus beta ${say(terms.beta)} times ${terms.klName} ${say(terms.kl)}.`;
}

/**
 * Show the terms in nats before anything exact is known of this step, and where nothing can be.
 *
 * @param {{nats: HTMLElement}} parts
 * @param {{begin: object, history: object, frame: object}} run
 * @param {number | null} at the step that is shown; null is the last one
 * @param {boolean} hasSums whether exact numbers stand in the place of these
 * @returns {string}
 */
export function showNats({ nats }, { begin, history, frame }, at, hasSums) {
  const rows = rowsUntil(history, at);
  nats.hidden = hasSums || rows === 0;
  if (nats.hidden) return "";
  const held = (name) => lastNumber(history[`held_out_${name}`] ?? [], rows);
  const isHeld = Number.isFinite(held("rate"));
  const pick = (name) => (isHeld ? held(name) : lastNumber(history[name] ?? [], rows));
  const [distortion, rate] = [pick("distortion"), pick("rate")];
  if (frame.sigma === 0) {
    write(nats, `In nats: the rate is ${fixed(rate)}; without decoder noise there is no distortion in nats, and no ELBO.`);
    return nats.textContent;
  }
  const points = begin.held_out.length / begin.dims;
  const kind = begin.has_held_out ? "held-out points" : "points that it trains on";
  const where = isHeld ? `${points} ${kind}, with one draw each` : "the last batch";
  write(nats, `In nats, on ${where}: −ELBO ${fixed(distortion + rate)}. The exact numbers of this step are on their way.`);
  return nats.textContent;
}

function showMeaning({ meaning }, { begin, frame }) {
  const { sigma, beta, true_beta: trueBeta } = frame;
  const unit = begin.units ? " standard deviations of the columns" : "";
  const noise = `σ = ${say(sigma)}${unit}`;
  if (begin.settings.decoder_variance === "learned") write(meaning, `The decoder has learned σ ${say(sigma)}${unit}; the true β is ${say(trueBeta)}.`);
  else if (sigma === 0) write(meaning, "At beta 0 this is a plain autoencoder: σ is 0, and codes cost nothing.");
  else if (trueBeta !== 1)
    write(
      meaning,
      `Beta is ${say(beta)} now, on its way: ${noise} is the noise that its last value implies, and until then the true β is ${say(trueBeta)}.`,
    );
  else
    write(
      meaning,
      `The decoder of this beta has noise ${noise}: smaller errors are not worth their nats.`,
    );
  return meaning.textContent;
}
