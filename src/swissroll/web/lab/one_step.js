/**
 * One gradient step of one point in slow motion: every number between the point and the weights that move.
 *
 * The run itself does not move: it is set back when the step was looked at.
 */

/**
 * @param {import("./training.js").Training} training
 * @param {Float32Array} point D numbers.
 * @param {Float32Array} eps L draws from N(0, 1).
 * @param {boolean} withoutTrick Draw z so that no gradient passes.
 * @returns {object} x, mu, logvar, std, eps, z, x_hat; distortion, rate and loss; gradients of the loss by x_hat and z,
 *   what reaches mu and logvar through the draw (null without the trick) and in all, and the norms of those by the
 *   weights of encoder and decoder; the norm of the update of the weights; and mu, logvar and x_hat after it.
 */
export function traceStep(training, point, eps, withoutTrick) {
  const { network, settings } = training;
  const before = training.state();
  const mistake = withoutTrick ? "no_trick" : settings.mistake;
  network.setMistake(mistake);
  try {
    return lookAtStep(training, point, eps, mistake);
  } finally {
    network.setMistake(settings.mistake);
    training.restore(before);
  }
}

function lookAtStep(training, point, eps, mistake) {
  const { kernel, network } = training;
  const { exports } = kernel;
  const L = network.latentDim;
  const { lr, beta } = training.scheduled();
  const read = (pointer, count) => Array.from(kernel.floats(pointer, count));

  const { loss, distortion, rate } = training.gradients(point, eps, beta);
  const heads = read(exports.heads_at(), 2 * L);
  const mu = heads.slice(0, L);
  const logvar = heads.slice(L);
  const dz = read(exports.d_latents_at(), L);
  const dHeads = read(exports.d_heads_at(), 2 * L);
  const stages = {
    x: Array.from(point),
    mu,
    logvar,
    std: logvar.map((value) => kernel.exp(value / 2)),
    eps: Array.from(eps),
    z: read(exports.latents_at(), L),
    x_hat: read(exports.reconstructions_at(), network.dataDim),
    distortion,
    rate,
    loss,
    gradients: {
      x_hat: read(exports.d_reconstructions_at(), network.dataDim),
      z: dz,
      ...throughDraw(kernel, dz, eps, logvar, mistake),
      mu_in_all: dHeads.slice(0, L),
      logvar_in_all: dHeads.slice(L),
      ...weightNorms(network),
    },
  };

  // One step of Adam, from the run's own moments.
  const weights = network.parameters.slice();
  exports.update(lr, training.taken + 1 - training.momentsFrom);
  stages.update = { norm: distance(weights, network.parameters), lr, beta };
  training.gradients(point, eps, beta);
  const moved = read(exports.heads_at(), 2 * L);
  stages.after = {
    mu: moved.slice(0, L),
    logvar: moved.slice(L),
    x_hat: read(exports.reconstructions_at(), network.dataDim),
    loss: training.terms().loss,
  };
  return stages;
}

/** What reaches mu and logvar through z = mu + exp(logvar / 2) eps. */
function throughDraw(kernel, dz, eps, logvar, mistake) {
  if (mistake === "no_trick") {
    return { mu: null, logvar: null };
  }
  return {
    mu: dz,
    logvar: dz.map((d, j) => (d * eps[j] * kernel.exp(logvar[j] / 2)) / 2),
  };
}

/** Norms of the gradient by the weights of the encoder (its heads too) and of the decoder. */
function weightNorms(network) {
  const squares = { encoder: 0, decoder: 0 };
  for (const [name, { values }] of Object.entries(network.tensors(network.gradient))) {
    const part = name.startsWith("encoder") || name.startsWith("fc_") ? "encoder" : "decoder";
    if (name.startsWith("prior") || name === "decoder_logvar") {
      continue;
    }
    for (const value of values) {
      squares[part] += value * value;
    }
  }
  return { encoder: Math.sqrt(squares.encoder), decoder: Math.sqrt(squares.decoder) };
}

function distance(a, b) {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]) ** 2, 0));
}
