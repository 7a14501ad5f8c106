/**
 * What ails a model, as `swissroll.evaluation.diagnosis`: the first rule that holds wins.
 *
 * The page has no numbers of generated points (strays, distances to real points), so the rules that need them are left
 * out, and a diagnosis says so. What could not be measured is NaN, and no rule holds by it.
 *
 * @typedef {object} Symptoms
 * @property {boolean} finite Whether every loss and gradient was a finite number.
 * @property {number} loss Held-out loss per coordinate, in squared data units.
 * @property {number} variance V, the data's variance averaged over coordinates.
 * @property {number} mse Squared error of a decoded posterior draw, averaged over coordinates.
 * @property {number} rate KL of q(z|x) from the prior, in nats per point.
 * @property {number} active Active units.
 * @property {number} useful Units that could be active: min(D, L).
 * @property {number} aggregate_c2st C2ST accuracy between aggregate posterior and prior.
 * @property {number} above_lower_bound Negative log evidence less its lower bound, in nats.
 * @property {number} loss_drop Share by which the loss fell over the last two thirds of the run.
 * @property {number} peak Highest training loss of the run, in the units of `loss`.
 * @property {number} start Training loss of the first step, in the units of `loss`.
 * @property {number} sigma Decoder standard deviation, in data units.
 * @property {boolean} learns_sigma Whether sigma is learned, not chosen with beta.
 * @property {number} steps Steps done.
 * @property {number} latent_dim L.
 * @property {number} data_dim D.
 * @property {number} jumps Jumps of the posterior mean along the data's curve.
 */

/** A loss that fell by more than this share over the last two thirds of a run is still falling. */
const FALLING = 0.2;
/** Nats above its lower bound at which a model is off. */
const NATS_ABOVE = 0.1;
/** Nats above the lower bound that neither beta nor the prior alone explains. */
const FAR_ABOVE = 0.7;
/** Steps of the notebook's recipe: with fewer, a model is first told to train longer. */
const SHORT = 1000;

const LONGER = "Train ten times as long; if that changes nothing, double the hidden width.";
const FIT_PRIOR = "Fit the prior to the aggregate posterior, or train with the preset 'best', which does so.";
const LESS_BETA = "Divide beta by three.";

const MEANINGS = {
  diverged: "Training broke down; its numbers grew instead of settling",
  "under-trained": "The model has not learned enough yet",
  collapsed: "The encoder says nothing about the points, so every latent decodes to about the same point",
  "partly collapsed": "The encoder uses fewer latent dimensions than the data need",
  "torn latent": "Neighbours on the curve have latents far apart",
  "over-regularised": "Beta is so large that points are reconstructed badly",
  "under-regularised":
    "Beta, or the \u03c3 that it stands for, is so small that reconstructions are exact, and codes are far from the prior",
  "too narrow": "The network has too few hidden units to bend as the data do",
  "holes in the prior": "The prior draws latents that no point has, and these decode to bad points",
  imprecise: "A small fault that only the evidence shows",
  healthy: "Nothing that is measured here is off",
};

/** How each measured number is told. */
const FACTS = {
  loss: (value) => `loss ${brief(value)}`,
  peak: (value) => `highest loss of the training ${brief(value)}`,
  variance: (value) => `variance of the data ${brief(value)}`,
  mse: (value) => `reconstruction MSE of a posterior draw ${brief(value)}`,
  rate: (value) => `rate ${value.toFixed(3)} nats per point`,
  active: (value) => `active units ${value}`,
  useful: (value) => `useful units ${value}`,
  steps: (value) => `${value.toLocaleString("en")} steps`,
  jumps: (value) => `jumps of the latent along the data's curve ${value}`,
  latent_dim: (value) => `latent dimensions ${value}`,
  data_dim: (value) => `data dimensions ${value}`,
  aggregate_c2st: (value) => `C2ST accuracy ${value.toFixed(2)} between aggregate posterior and prior (chance 0.5)`,
  above_lower_bound: (value, { slack }) =>
    `negative log evidence ${slack > 0 ? "at least " : ""}${value.toFixed(2)} nats above its lower bound`,
  loss_drop: (value) =>
    Math.round(100 * value) <= 0
      ? "a loss that did not fall over the last two thirds"
      : `a loss that fell by ${Math.round(100 * value)} % over the last two thirds`,
};

/** Three digits, with an exponent where a number is small or large, as the package writes them: 0.205, 1.3e-05. */
function brief(value) {
  const rounded = Number(value.toPrecision(3));
  const size = Math.abs(rounded);
  if (size === 0 || (size >= 1e-4 && size < 1e3)) {
    return String(rounded);
  }
  const [mantissa, exponent] = rounded.toExponential().split("e");
  return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

/** A number was not finite, or the loss is, or was, far above what it began with. */
function hasDiverged(s) {
  // A large beta makes the loss large from the start, and initial weights may lie above V as well.
  const usual = Math.max(s.variance, s.start);
  return !s.finite || s.loss > 1.1 * usual || s.peak > 10 * usual;
}

/** The error is that of a model which has not left its start, or is still on its way down. */
function hasHardlyBegun(s) {
  // With sigma^2 well below V a collapsed model is no optimum: one that looks like it has not left its start.
  const mustUseLatent = s.sigma ** 2 < s.variance / 2;
  return (
    s.mse > 1.1 * s.variance ||
    (mustUseLatent && s.mse > 0.9 * s.variance) ||
    (mustUseLatent && s.mse > 0.1 * s.variance && s.loss_drop > FALLING) ||
    // Without a KL term nothing else stands in the way.
    (s.sigma === 0 && s.mse > 0.1 * s.variance)
  );
}

/** The error is large, and nothing but beta explains it. */
function isOverRegularised(s) {
  // Beta lets an error of about sigma^2 pass. Where a latent is torn, draws beside the tear make a larger one.
  const isOfATear = s.jumps > 0 && s.mse > 2 * s.sigma ** 2;
  return s.mse > 0.1 * s.variance && !(s.above_lower_bound > FAR_ABOVE) && !isOfATear;
}

/** Neighbours on the curve have latents far apart, and points are reconstructed badly. */
function hasBadTear(s) {
  return s.jumps > 0 && s.mse > 0.1 * s.variance;
}

/** Name, when it holds, the numbers that are its evidence, and what to try; in the order of the package's rules. */
const RULES = [
  ["diverged", hasDiverged, ["loss", "peak", "variance"], "Divide the learning rate by ten."],
  ["under-trained", hasHardlyBegun, ["mse", "variance", "loss_drop"], LONGER],
  [
    "collapsed",
    (s) => s.active === 0 || (s.rate < 0.01 && s.mse > 0.9 * s.variance),
    ["active", "rate"],
    "Divide beta by ten.",
  ],
  ["partly collapsed", (s) => s.active < s.useful, ["active", "useful"], LESS_BETA],
  ["under-trained", (s) => s.steps < SHORT && s.above_lower_bound > NATS_ABOVE, ["steps", "above_lower_bound"], LONGER],
  [
    "torn latent",
    (s) => s.jumps > 0 && s.latent_dim < s.data_dim,
    ["jumps", "latent_dim", "data_dim"],
    "Double latent_dim.",
  ],
  ["over-regularised", isOverRegularised, ["mse", "variance"], LESS_BETA],
  [
    "under-regularised",
    // With a learned sigma the loss at beta 1 is the negative ELBO: no other beta helps, and a fitted prior does.
    (s) => !s.learns_sigma && s.aggregate_c2st > 0.7 && s.mse < 0.01 * s.variance,
    ["aggregate_c2st", "mse", "variance"],
    "Multiply beta by ten.",
  ],
  [
    "under-trained",
    (s) => s.above_lower_bound > FAR_ABOVE && s.loss_drop > FALLING,
    ["above_lower_bound", "loss_drop"],
    "Train ten times as long.",
  ],
  [
    "too narrow",
    // Points come back far off, and beta is not why: said before what the prior does, which no prior mends.
    (s) => s.mse > 0.1 * s.variance && s.above_lower_bound > FAR_ABOVE && s.aggregate_c2st > 0.58,
    ["mse", "variance", "above_lower_bound"],
    "Double the hidden width.",
  ],
  [
    "too narrow",
    (s) => s.above_lower_bound > 0.6 && 0.58 < s.aggregate_c2st && s.aggregate_c2st < 0.75,
    ["above_lower_bound", "aggregate_c2st", "loss_drop"],
    "Double the hidden width.",
  ],
  ["holes in the prior", (s) => s.aggregate_c2st > 0.58 && !hasBadTear(s), ["aggregate_c2st"], FIT_PRIOR],
  ["torn latent", (s) => s.jumps > 0, ["jumps"], LONGER],
  ["imprecise", (s) => s.above_lower_bound > NATS_ABOVE, ["above_lower_bound"], LONGER],
  ["healthy", () => true, ["active", "aggregate_c2st"], "Nothing ails this model."],
];

/**
 * Name the first rule that holds.
 *
 * @param {Symptoms} symptoms
 * @returns {{verdict: string, sentence: string, number: number, evidence: Record<string, number>, advice: string,
 *   unchecked: string}} The diagnosis; what it means, with its numbers; the first of these; all of them by name; what
 *   to try; and what the package's own rules look at that was not measured.
 */
export function diagnose(symptoms) {
  const [verdict, , names, advice] = RULES.find(([, holds]) => holds(symptoms));
  const known = names.filter((name) => !Number.isNaN(symptoms[name]));
  const facts = known.map((name) => FACTS[name](symptoms[name], symptoms));
  return {
    verdict,
    sentence: facts.length > 0 ? `${MEANINGS[verdict]}: ${facts.join(", ")}.` : `${MEANINGS[verdict]}.`,
    number: known.length > 0 ? symptoms[known[0]] : NaN,
    evidence: Object.fromEntries(known.map((name) => [name, symptoms[name]])),
    advice,
    unchecked: "Strays and distances of generated points are not checked in the page.",
  };
}

/**
 * Share by which a noisy series fell over its last two thirds, by medians of ninths; NaN for less than nine values.
 *
 * @param {ArrayLike<number>} losses
 * @returns {number}
 */
export function measureLossDrop(losses) {
  const ninth = Math.floor(losses.length / 9);
  if (ninth === 0) {
    return NaN;
  }
  // The fourth ninth and the last one, which are five ninths of the run apart.
  const before = median(losses.slice(losses.length - 6 * ninth, losses.length - 5 * ninth));
  const after = median(losses.slice(losses.length - ninth));
  return before <= 0 ? 0 : 1 - after / before;
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
