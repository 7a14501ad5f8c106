// The settings of a run in the page: those of the package's Config by the same names, within what the page can compute.

/** @typedef {Object<string, number | string | boolean | null>} Settings */

/** A choice, by its value: what a menu calls it. */
const DATASETS = {
  swiss_roll: "Swiss roll",
  moons: "Two moons",
  circles: "Two circles",
  rings: "Three rings",
  spirals: "Three spirals",
  s_curve: "S-curve",
  sine: "Sine",
  helix: "Helix (3-D)",
  gaussian: "Gaussian",
  three_gaussians: "Three Gaussians",
  eight_gaussians: "Eight Gaussians",
  checkerboard: "Checkerboard",
  pinwheel: "Pinwheel",
  swiss_roll_3d: "Swiss roll (3-D)",
  torus: "Torus (3-D)",
};
const IN_SPACE = new Set(["helix", "swiss_roll_3d", "torus"]);
const ACTIVATIONS = {
  relu: "ReLU",
  leaky_relu: "leaky ReLU",
  elu: "ELU",
  silu: "SiLU",
  softplus: "softplus",
  tanh: "tanh",
};

/** As mistakes.js knows them. */
const MISTAKES = {
  shared_noise: "one noise for all points",
  variance_as_std: "the variance as standard deviation",
  half_missing: "the half of the KL left out",
  kl_sign: "the KL with the wrong sign",
  no_noise: "no noise in the latents",
  relu_on_head: "a ReLU on the encoder's heads",
  sum_for_mean: "a sum for a mean",
  no_trick: "no reparameterisation",
};

const choice = (initial, choices, label, help) => ({ kind: "choice", initial, choices, label, help });
const whole = (initial, low, high, label, help) => ({ kind: "whole", initial, low, high, label, help });
const real = (initial, low, high, label, help, more = {}) => ({
  kind: "real",
  initial,
  low,
  high,
  label,
  help,
  ...more,
});

/** Every setting by name: its kind, initial value, bounds, label and help. The initial values are the notebook's. */
export const FIELDS = {
  dataset: choice("swiss_roll", DATASETS, "Data", "The distribution that points are drawn from."),
  noise: real(0, 0, 10, "Noise", "Standard deviation of Gaussian noise added to the data, in data units."),
  latent_dim: whole(2, 1, 4, "Latent dimensions", "How many numbers the encoder keeps of a point."),
  hidden_dim: whole(256, 1, 256, "Width", "Units in each hidden layer."),
  depth: whole(3, 0, 4, "Depth", "Hidden layers in the encoder, and as many in the decoder."),
  activation: choice("relu", ACTIVATIONS, "Activation", "Nonlinearity of the hidden layers."),
  initialization: choice(
    "default",
    { default: "PyTorch's own", he: "He" },
    "Initial weights",
    "How the first weights of the hidden layers are drawn.",
  ),
  components: whole(0, 0, 50, "Gaussians in the prior", "0 is the standard normal prior; more is a learned mixture."),
  refit_prior: { kind: "flag", initial: false, label: "Fit the prior again at the end", help: "Needs a mixture prior." },
  decoder_variance: choice(
    "fixed",
    { fixed: "fixed by beta", learned: "learned" },
    "Decoder's noise",
    "Variance of p(x|z): what beta amounts to, or learned with the weights.",
  ),
  beta: real(0.01, 0, 1e6, "Beta", "Weight of the KL term."),
  beta_start: real(null, 0, 1e6, "Beta at the first step", "Empty: beta stays. Else it moves geometrically to beta.", {
    openLow: true,
    nullable: true,
  }),
  reduction: choice(
    "mean",
    { mean: "mean (the notebook)", sum: "sum (the textbook)" },
    "Loss adds up by",
    "Average both terms of the loss over dimensions, or sum them.",
  ),
  steps: whole(1000, 1, 100000, "Steps", "The run ends here, and with it its schedules."),
  batch_size: whole(128, 1, 1024, "Batch size", "Fresh points in each step."),
  lr: real(1e-3, 0, 1e6, "Learning rate", "Learning rate of Adam; with a schedule, its peak.", { openLow: true }),
  lr_schedule: choice(
    "constant",
    { constant: "constant", cosine: "cosine, to 0" },
    "Learning rate's schedule",
    "What the learning rate does after the warm-up.",
  ),
  warmup: whole(0, 0, 100000, "Warm-up steps", "Steps over which the learning rate first rises from 0."),
  seed: whole(42, 0, Number.MAX_SAFE_INTEGER, "Seed", "Decides the first weights, the data and the latent noise."),
  mistake: {
    ...choice(null, MISTAKES, "Mistake", "A mistake to train with; empty: none."),
    nullable: true,
  },
};

/** Bounds of own data: points, and how far from 0 a coordinate may be. */
export const MAX_POINTS = 5000;
export const MAX_VALUE = 1e6;

/** Smallest beta but for 0, as in Config. */
export const MIN_BETA = 1e-12;

/** The notebook's settings. */
export const NOTEBOOK = Object.freeze(
  Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.initial])),
);

/** What the page opens with: the notebook's settings at a width that trains in seconds. */
export const DEFAULTS = Object.freeze({ ...NOTEBOOK, hidden_dim: 64, steps: 20000 });

/** Settings that change while a run goes on; all others make a new model. */
export const LIVE = Object.freeze(["beta", "lr"]);

/**
 * Coordinates of a data point.
 * @param {Settings} settings
 * @param {{dims: number} | null} points own points, which take the place of a distribution
 * @returns {number}
 */
export function dataDim(settings, points = null) {
  if (points) return points.dims;
  return IN_SPACE.has(settings.dataset) ? 3 : 2;
}

/**
 * The decoder's standard deviation at which a loss is the negative ELBO: sigma^2 = beta D / (2 L) for `mean`,
 * beta / 2 for `sum`.
 * @param {Settings} settings
 * @param {number} dims coordinates of a data point
 * @returns {number} in data units
 */
export function impliedSigma(settings, dims) {
  return Math.sqrt(rateWeight(settings, dims) / 2);
}

/**
 * The weight of the rate, summed over latent dimensions, beside what is summed over data dimensions.
 * @param {Settings} settings
 * @param {number} dims coordinates of a data point
 * @returns {number}
 */
export function rateWeight(settings, dims) {
  return settings.reduction === "mean" ? (settings.beta * dims) / settings.latent_dim : settings.beta;
}

/**
 * The beta whose implied sigma is the one given.
 * @param {Settings} settings
 * @param {number} dims coordinates of a data point
 * @param {number} sigma in data units
 * @returns {number}
 */
export function betaOfSigma(settings, dims, sigma) {
  return (2 * sigma ** 2) / (rateWeight({ ...settings, beta: 1 }, dims) || 1);
}

/**
 * What is wrong with one value, as a sentence; null where nothing is.
 * @param {string} name
 * @param {unknown} value
 * @returns {string | null}
 */
export function problemOf(name, value) {
  if (!Object.hasOwn(FIELDS, name)) {
    return `${clip(name)} is no setting of the page.`;
  }
  const field = FIELDS[name];
  if (value === null && field.nullable) return null;

  if (field.kind === "choice") {
    if (typeof value === "string" && Object.hasOwn(field.choices, value)) return null;
    return `${name} must be one of ${Object.keys(field.choices).join(", ")}; got ${clip(value)}.`;
  }
  if (field.kind === "flag") {
    return typeof value === "boolean" ? null : `${name} must be true or false; got ${clip(value)}.`;
  }
  return problemOfNumber(name, field, value);
}

function problemOfNumber(name, field, value) {
  const kind = field.kind === "whole" ? "a whole number" : "a number";
  const low = field.openLow ? `above ${field.low}` : `at least ${field.low}`;
  const wrong = `${name} must be ${kind}, ${low} and at most ${field.high}; got ${clip(value)}.`;

  if (typeof value !== "number" || !Number.isFinite(value)) return wrong;
  if (field.kind === "whole" && !Number.isInteger(value)) return wrong;
  if (value < field.low || value > field.high || (field.openLow && value === field.low)) return wrong;
  if (name === "beta" && value > 0 && value < MIN_BETA) return `beta must be 0 or at least ${MIN_BETA}; got ${value}.`;
  return null;
}

/**
 * Settings with the initial values for what is absent or wrong.
 * @param {Object<string, unknown>} candidate
 * @returns {{settings: Settings, problems: string[]}} the problems are sentences, one for each wrong value
 */
export function checkSettings(candidate) {
  const settings = { ...DEFAULTS };
  const problems = [];
  for (const [name, value] of Object.entries(candidate)) {
    const problem = problemOf(name, value);
    if (problem) problems.push(problem);
    else settings[name] = value;
  }

  if (settings.refit_prior && settings.components === 0) {
    problems.push("refit_prior fits a mixture prior again, and components is 0.");
    settings.refit_prior = false;
  }
  if (settings.beta_start !== null && settings.beta === 0) {
    problems.push("beta must be above 0 where beta_start is set: a geometric path never reaches 0.");
    settings.beta_start = null;
  }
  return { settings, problems };
}

/** A value as it is quoted in a sentence. */
function clip(value) {
  const text = typeof value === "string" ? value : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
