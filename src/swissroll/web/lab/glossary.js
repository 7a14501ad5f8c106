// The words of the page, each in a sentence: in the list of the help, and beside whatever is pointed at or has the focus.

/** Milliseconds that a pointer rests before a word is explained. */
const REST_MS = 350;
const GAP = 8;

/** @type {Record<string, [string, string]>} by id: the word, and what it means */
export const TERMS = {
  vae: ["VAE", "An encoder turns each point into a small Gaussian of codes, a decoder turns codes back into points. Trained together, they learn where the data lie, and can draw new ones."],
  latent: ["latent, code, z", "The few numbers that the model keeps of a point."],
  encoder: ["q(z|x), encoder", "The Gaussian of codes that the encoder gives a point x: a mean and a spread. It stands in for the true posterior."],
  posterior: ["p(z|x), true posterior", "The codes that could have made the point x, as the decoder and the prior have it. Exact here; in larger models nobody can compute it."],
  prior: ["prior", "Where codes are drawn from to make new points: a standard normal, or a mixture of Gaussians. The dashed rings are 1, 2 and 3 standard deviations."],
  aggregate: ["aggregate", "One draw from every point's q(z|x). Where it fills the prior, draws from the prior decode to the data."],
  nats: ["nats", "Units of information: 1 nat is 1.44 bits. All costs here are in nats per point."],
  distortion: ["distortion", "How badly a draw from q(z|x) decodes back to x: minus the log density of x there, on average. Densities may be above 1, and where \u03c3 is small they are: then it is below 0."],
  rate: ["rate, KL", "What a code costs: the divergence KL of q(z|x) from the prior. It tells at most as much of its point. At 0 all points have the same code: collapsed."],
  elbo: ["\u2212ELBO", "Distortion plus rate: what a VAE with true beta 1 makes small. It is never below \u2212log p(x)."],
  evidence: ["\u2212log p(x), evidence", "How surprised the model is by the points it is measured on, held out where there are some: smaller is better. Computed exactly here, on a grid of codes."],
  bound: ["lower bound", "What \u2212log p(x) cannot fall below at this \u03c3, whatever decoder and prior: the best that any mixture of decoded means can do, found by expectation maximisation (Blahut and Arimoto) with a certificate."],
  gap: ["gap", "\u2212ELBO minus \u2212log p(x): how far q(z|x) is from p(z|x), on average."],
  family: ["family", "The part of the gap that is left with the best diagonal Gaussian for each point: the true posterior is no such Gaussian."],
  asked: ["asked by \u03b2", "The part of the gap that a true beta other than 1 asks for: the encoder is trained for the best Gaussian by its own weighing, which is not the best for the ELBO."],
  amortisation: ["amortisation", "The rest of the gap, due to one encoder for all points: a Gaussian fitted to each point by itself would save it."],
  information: ["I(x;z)", "What a code tells of its point: the divergence of q(z|x) from the aggregate q(z), on average over points. Here q(z) is the mixture of the posteriors of 512 points, or of all that are measured on where these are fewer, without sampling noise."],
  mismatch: ["KL(q(z)\u2016p)", "The rest of the rate: how far the aggregate of all codes is from the prior. No code tells more by it, and draws from the prior miss the data by it."],
  held_out: ["held-out", "Points that are never trained on. A drawing, a typed curve or a small table has none, and its own points are measured instead. Training lines are of the last batch, and so they tremble."],
  beta: ["beta", "Weighs the rate against the error in the loss."],
  sigma: ["\u03c3, sigma", "The decoder's noise: a point is drawn as the decoder's mean plus \u03c3 times normal noise. A fixed beta implies a \u03c3."],
  true_beta: ["true beta", "The weight of the rate when the error is counted as a distortion in nats. At 1 the loss is the \u2212ELBO."],
  error: ["error", "Squared distance of a point from what its code decodes to."],
  loss: ["loss", "The number that training makes small: error plus beta times KL."],
  reconstructions: ["reconstructions", "Each point encoded, and the mean of its code decoded."],
  residuals: ["residuals", "A line from each point to its reconstruction."],
  coordinate: ["by t", "Points coloured by their place along the curve, or by the label of a table. The model never sees either."],
  mesh: ["grid", "A square grid of codes, decoded: how the latent plane lies in the data's space."],
  density: ["density p(x)", "Where the model, noise included, expects points: lines around half, 90 % and 99 % of its mass."],
  samples: ["samples", "Codes drawn from the prior, decoded: what the model makes up."],
  noise: ["with noise", "The same samples with the decoder's noise added: draws from p(x)."],
  c2st: ["C2ST", "A test whether two sets of points can be told apart: a classifier's accuracy. 0.5 is chance."],
  digest: ["weights", "The first digits of a checksum (SHA-256) of all weights: equal digits, equal run."],
};

/** The word that explains a toggle of another name. */
const OF_TOGGLES = {
  means: "encoder",
  ellipses: "encoder",
  train: "held_out",
  exact: "evidence",
};

/**
 * The word that explains a toggle, or undefined.
 * @param {string} name of the toggle
 */
export function termOfToggle(name) {
  const id = OF_TOGGLES[name] ?? name;
  return Object.hasOwn(TERMS, id) ? id : undefined;
}

let tip = null;

function openTip(target, id) {
  tip ??= document.getElementById("main").appendChild(Object.assign(document.createElement("div"), { id: "tip", role: "tooltip" }));
  const [word, words] = TERMS[id];
  const head = document.createElement("b");
  head.textContent = word;
  tip.replaceChildren(head, ` ${words}`);
  tip.hidden = false;
  // Beside the row of words that it belongs to, and at its left: what it stands for is seen, and so is the pictures' key.
  const box = (target.closest(".toggles, .term") ?? target).getBoundingClientRect();
  const isBelow = box.bottom + GAP + tip.offsetHeight < innerHeight;
  tip.style.left = `${Math.max(GAP, Math.min(box.left, innerWidth - tip.offsetWidth - GAP))}px`;
  tip.style.top = `${isBelow ? box.bottom + GAP : Math.max(GAP, box.top - tip.offsetHeight - GAP)}px`;
}

function closeTip() {
  if (tip) tip.hidden = true;
}

/**
 * Explain a word where it stands: under a resting pointer, at a tap, and while it has the keyboard's focus.
 * @param {HTMLElement} element
 * @param {string} id of {@link TERMS}
 */
export function explain(element, id) {
  let timer = null;
  const open = () => openTip(element, id);
  const close = () => {
    clearTimeout(timer);
    closeTip();
  };
  element.addEventListener("pointerenter", ({ pointerType }) => {
    clearTimeout(timer);
    if (pointerType !== "touch") timer = setTimeout(open, REST_MS);
  });
  element.addEventListener("pointerleave", close);
  element.addEventListener("click", ({ pointerType }) => {
    if (pointerType === "touch" || element.tagName === "BUTTON") open();
  });
  element.addEventListener("focusin", ({ target }) => {
    if (target.matches(":focus-visible")) open();
  });
  element.addEventListener("focusout", close);
  element.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") close();
  });
}

/**
 * A word that explains itself.
 * @param {string} text
 * @param {string} id of {@link TERMS}
 */
export function term(text, id) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "word";
  button.textContent = text;
  button.setAttribute("aria-description", TERMS[id][1]);
  explain(button, id);
  return button;
}

/** The list of all words, for the help. */
export function glossary() {
  const list = document.createElement("dl");
  list.className = "glossary";
  for (const [word, words] of Object.values(TERMS)) {
    const row = document.createElement("div");
    const head = document.createElement("dt");
    const body = document.createElement("dd");
    head.textContent = word;
    body.textContent = words;
    row.append(head, body);
    list.append(row);
  }
  return list;
}
