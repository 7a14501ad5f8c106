/**
 * The numbers of one measurement: all of the same weights, at the same step, over the same points. So they add up.
 *
 *     -ELBO      =  distortion + rate
 *     -log p(x)  =  -ELBO - gap
 *     gap        =  family + asked + amortisation
 *     rate       =  information + mismatch
 */

import { isRecent } from "./curve_lines.js";

/** Decimals that are shown, and size of a number from which fewer are. */
const DECIMALS = 3;
const LARGE = 100;

/**
 * @typedef {object} Summary In nats per point.
 * @property {number} step
 * @property {number} sigma Decoder standard deviation, in data units.
 * @property {number} true_beta Weight of the rate in what the encoder is trained for.
 * @property {number} rows Points that all of it is the mean over.
 * @property {boolean} is_even Whether they lie evenly on the data's curve, or are drawn.
 * @property {boolean} is_held_out Whether the run never trains on them.
 * @property {boolean} exact Whether `value` is exact but for its error, or the importance-weighted bound.
 * @property {string} name "negative log evidence" or "importance-weighted bound".
 * @property {number} distortion
 * @property {number} rate
 * @property {number[] | null} rates Of each latent dimension, where they add up to the rate.
 * @property {number | null} information I(x; z); null where it is not known.
 * @property {number | null} mismatch KL(q(z) || p(z)), the rest of the rate.
 * @property {number} negative_elbo
 * @property {number} gap
 * @property {number | null} family What the Gaussian family loses; null above two latents.
 * @property {number | null} asked What a true beta other than 1 asks for; null where it is 1.
 * @property {number | null} amortisation The rest of the gap.
 * @property {number} value -log p(x), or the importance-weighted upper bound on it.
 * @property {number | null} lower_bound The lowest value of any model with this sigma; null where it is not known.
 * @property {number} slack By how much the value may be too high, beside its error.
 * @property {Record<string, number>} errors Standard errors of `distortion`, `rate`, `negative_elbo`, `gap`, `value`.
 */

/**
 * Means of what was found of each point.
 *
 * @param {import("./evidence.js").Evidence} found
 * @param {object} about
 * @param {boolean} about.isEven Whether the points lie evenly on the data's curve.
 * @param {import("./lower_bound.js").LowerBound | null} about.bound
 * @param {(point: number) => number} about.logBest Log density of the mixture that reaches the bound, at a point.
 * @param {Float64Array | null} about.information KL(q(z|x) || q(z)) of each point.
 * @param {number[] | null} about.rates
 * @param {number} [about.logVolume] Log of the volume that a table's standardisation divides by; else 0.
 * @returns {Summary} But for step, sigma and true beta.
 */
export function summarise(found, { isEven, bound, logBest, information, rates, logVolume = 0 }) {
  const { log_p, rate } = found;
  const { elbo, best, aimed } = boundedByEvidence(found);
  const distortion = elbo.map((value, i) => -value - rate[i]);
  const count = log_p.length;
  const mean = (value) => log_p.reduce((sum, _, i) => sum + value(i), 0) / count;

  // The mixture that reaches the lower bound is a control variate, since its own mean is known: points that surprise every
  // model more than most points do make the numbers higher by as much.
  const control = Float64Array.from(log_p, (_, i) => (bound ? bound.value + logBest(i) : 0) + logVolume);
  const parts = { distortion: mean((i) => distortion[i] + control[i]), rate: mean((i) => rate[i]) };
  const negative_elbo = parts.distortion + parts.rate;

  const family = best && mean((i) => log_p[i] - best[i]);
  const asked = aimed && mean((i) => best[i] - aimed[i]);
  const amortisation = best && mean((i) => (aimed ?? best)[i] - elbo[i]);
  const gap = best ? family + (asked ?? 0) + amortisation : mean((i) => log_p[i] - elbo[i]);

  const told = information && mean((i) => information[i]);
  const spread = (value) => standardError(Float64Array.from(log_p, (_, i) => value(i)), isEven);
  const squares = mean((i) => found.error[i] ** 2);
  // Errors of quadrature may all have one sign; those of independent draws add up as squares.
  const numeric = found.exact ? mean((i) => found.error[i]) : Math.sqrt(squares / count);
  return {
    ...{ rows: count, is_even: isEven, exact: found.exact },
    name: found.exact ? "negative log evidence" : "importance-weighted bound",
    ...{ ...parts, rates, negative_elbo, gap, family, asked, amortisation },
    ...{ information: told, mismatch: told === null ? null : parts.rate - told },
    value: negative_elbo - gap,
    lower_bound: bound ? bound.lower : null,
    slack: found.gain ? 2 * mean((i) => found.gain[i]) : 0,
    error: numeric,
    errors: {
      distortion: spread((i) => distortion[i] + control[i]),
      rate: spread((i) => rate[i]),
      negative_elbo: spread((i) => control[i] - elbo[i]),
      gap: Math.hypot(numeric, spread((i) => log_p[i] - elbo[i])),
      value: Math.hypot(numeric, spread((i) => control[i] - log_p[i])),
    },
  };
}

/** ELBOs, no one above the evidence nor above the best: all are sums over nodes, and at a gap of 0 their errors show. */
function boundedByEvidence({ log_p, elbo, best, aimed }) {
  const ceiling = best ? best.map((value, i) => Math.min(value, log_p[i])) : log_p;
  const below = (values) => values && values.map((value, i) => Math.min(value, ceiling[i]));
  return { elbo: below(elbo), best: best && ceiling, aimed: below(aimed) };
}

/**
 * Standard error of a mean over points: of drawn ones by their scatter; of even ones, which have none, by what every
 * second of them would say.
 */
function standardError(values, isEven) {
  const count = values.length;
  const meanOf = (chosen) => chosen.reduce((sum, value) => sum + value, 0) / chosen.length;
  if (isEven) {
    const half = (first) => meanOf(values.filter((_, i) => i % 2 === first));
    return Math.abs(half(0) - half(1)) / 2;
  }
  const middle = meanOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (count - 1) / count);
}

/**
 * A summary as it is shown: what is measured is rounded, and what follows from it is added up from that, so that all sums
 * hold in the digits that are seen. Each number is within three units of its last digit of its own value.
 *
 * @param {Summary} summary
 * @returns {Summary & {decimals: number}}
 */
export function roundSummary(summary) {
  const { distortion, rate, information, family, asked, amortisation, lower_bound } = summary;
  const isLarge = Math.max(...[distortion, rate, summary.gap].map(Math.abs)) >= LARGE;
  const decimals = isLarge ? 1 : DECIMALS;
  const unit = 10 ** decimals;
  // Whole numbers of units, as sums of rounded decimals are not round.
  const units = (value) => (Number.isFinite(value) ? Math.round(value * unit) : null);
  const nats = (count) => (count === null ? null : count / unit);

  const rates = summary.rates?.map(units) ?? null;
  const whole = rates ? rates.reduce((sum, value) => sum + value, 0) : units(rate);
  const elbo = units(distortion) + whole;
  const parts = [family, asked, amortisation].map(units);
  const gap = parts[0] === null ? units(summary.gap) : parts.reduce((sum, value) => sum + (value ?? 0), 0);
  const told = units(information);
  const bound = units(lower_bound);
  return {
    ...summary,
    decimals,
    ...{ distortion: nats(units(distortion)), rate: nats(whole), rates: rates?.map(nats) ?? null },
    ...{ information: nats(told), mismatch: nats(told === null ? null : whole - told) },
    ...{ negative_elbo: nats(elbo), gap: nats(gap), value: nats(elbo - gap) },
    ...{ family: nats(parts[0]), asked: nats(parts[1]), amortisation: nats(parts[2]) },
    lower_bound: nats(bound === null ? null : Math.min(bound, elbo - gap)),
  };
}

/**
 * A run with what is true of the model on the page alone. While it trains, what was found some steps ago is as good; where
 * it stands still, nothing of other weights or of another loss is shown.
 *
 * @template {{truth?: object, frame?: object}} Run
 * @param {Run} run
 * @param {boolean} running
 * @returns {Run}
 */
export function currentRun(run, running) {
  const { truth, frame } = run;
  if (running || !truth || !frame) return run;
  const isCurrent = (found) =>
    found?.step === frame.step && ["sigma", "true_beta"].every((name) => !(name in found) || found[name] === frame[name]);
  return { ...run, truth: Object.fromEntries(Object.entries(truth).filter(([, found]) => isCurrent(found))) };
}

/**
 * The last summary as it is shown, where it may stand beside numbers of now; null where it is of long ago.
 * @param {{truth?: object, frame?: object}} run
 */
export function recentSummary(run) {
  const found = shownSummary(run);
  return found && isRecent(found.step, run.frame?.step ?? 0) ? found : null;
}

/** The last summary of a run as it is shown; null where there is none. @returns {(Summary & {decimals: number}) | null} */
export function shownSummary({ truth }) {
  return truth?.evidence ? roundSummary(truth.evidence) : null;
}
