// One training step of one point in slow motion, with captions, and the same step without the trick.

import { fixed, say } from "./canvas.js";
import { pointsOf } from "./data_view.js";
import { StepDiagram } from "./step_diagram.js";
import { make, write } from "./toggles.js";

/** While it plays, each stage is shown for so many milliseconds. */
const STAGE_MS = 3200;
/** The next point lies so many points on: far along a shuffled list, and never the same. */
const NEXT_POINT = 37;

const NO_TRICK_UPDATE =
  "Update. One step hardly shows it, as the decoder learns as before. But the encoder hears of the rate alone: over many steps every point gets the same q(z|x). Break it trains such a run: \u201cThe draw has no gradient\u201d.";

const tuple = (values) => Array.from(values, (value) => fixed(value, 2)).join(", ");
const norm = (value) => (value === null || value === undefined ? "none" : say(value, 2));
const sizeOf = (values) => (values ? Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0)) : null);

/**
 * The stages of a step: what is lit, what is said, and how.
 * @param {object} step the engine's reply
 * @param {boolean} withoutTrick
 * @param {object | null} [units] those of a table, whose columns are standardised in the step
 * @returns {{name: string, lit: string[], back: string[], caption: string}[]}
 */
export function stagesOf(step, withoutTrick, units = null) {
  const { x, mu, logvar, eps, z, x_hat: decoded, gradients, update, after } = step;
  const std = Array.from(logvar, (value) => Math.exp(value / 2));
  const forward = ["x", "x-encoder", "encoder"];
  const gaussian = ["encoder-mu", "encoder-std", "mu", "std"];
  const draw = ["eps", "eps-z", "mu-z", "std-z", "z"];
  const decode = ["z-decoder", "decoder", "decoder-decoded", "decoded"];
  const cost = ["decoded-distortion", "distortion", "mu-rate", "std-rate", "rate", "rate-loss", "distortion-loss", "loss"];
  const backDecoder = ["distortion-loss", "decoded-distortion", "decoder-decoded", "z-decoder"];
  const backTrick = ["mu-z", "std-z"];
  const backRate = ["rate-loss", "mu-rate", "std-rate"];
  const backEncoder = ["encoder-mu", "encoder-std"];

  const error = (point) => sizeOf(Array.from(point, (value, k) => value - x[k]));
  return [
    {
      name: "encode",
      lit: [...forward, ...gaussian],
      back: [],
      caption: `Encode. The encoder turns the point x = (${tuple(x)})${units ? ", in standard deviations of the columns," : ""} into a Gaussian q(z|x): mean μ = (${tuple(mu)}), standard deviation σ = (${tuple(std)}).`,
    },
    {
      name: "draw ε",
      lit: ["mu", "std", ...draw],
      back: [],
      caption: withoutTrick
        ? `Draw z from q(z|x) as a black box: z = (${tuple(z)}) comes out, but nobody can say how it would have moved with μ and σ.`
        : `Draw ε = (${tuple(eps)}) from N(0, I), the only chance in the step, and shift it: z = μ + σ·ε = (${tuple(z)}).`,
    },
    {
      name: "decode",
      lit: ["z", ...decode],
      back: [],
      caption: `Decode. The decoder turns z into x̂ = (${tuple(decoded)}), ${say(error(decoded), 2)} away from x.`,
    },
    {
      name: "loss",
      lit: ["decoded", "mu", "std", ...cost],
      back: [],
      caption: `Loss ${say(step.loss)}: the error of x̂ plus beta times the KL. In nats, these are the distortion ${fixed(step.distortion)} (${units ? "in the units of the table" : "below 0 where x̂ is within about σ of x"}) and the rate ${fixed(step.rate)} (how far q(z|x) is from the prior).`,
    },
    {
      name: "backward",
      lit: ["loss", "distortion", "decoded", "decoder", "z"],
      back: backDecoder,
      caption: `Backward. The loss asks every weight of the decoder which way to move (gradient ${norm(gradients.decoder)}), and z too (${norm(sizeOf(gradients.z))}).`,
    },
    {
      name: "to the encoder",
      lit: ["loss", "rate", "mu", "std", "encoder", ...(withoutTrick ? [] : ["z"])],
      back: [...backRate, ...backEncoder, ...(withoutTrick ? [] : backTrick)],
      caption: withoutTrick
        ? `Without the trick no gradient passes from z to μ and σ. The encoder hears of the rate alone (gradient ${norm(gradients.encoder)}), which pulls every q(z|x) to the prior: it never learns to reconstruct.`
        : `Because z = μ + σ·ε, the gradient passes through: ∂z/∂μ = 1 and ∂z/∂σ = ε. At μ it is ${norm(sizeOf(gradients.mu))}, in the encoder ${norm(gradients.encoder)}.`,
    },
    {
      name: "update",
      lit: ["encoder", "decoder"],
      back: [],
      caption: withoutTrick ? NO_TRICK_UPDATE : updateWords(step, error),
    },
  ];
}

function updateWords({ after, update, x_hat: decoded }, error) {
  if (!after) return "Update. Adam moves all weights a little against their gradients.";
  const [before, now] = [error(decoded), error(after.x_hat)];
  const why = now > before ? " Adam still follows what earlier batches asked for, so a single point may end up farther away." : "";
  return `Update. Adam moves all weights, by ${norm(update?.norm)} in all. The same x and ε now decode to (${tuple(after.x_hat)}): ${say(now, 2)} away, where it was ${say(before, 2)}.${why}`;
}

/**
 * Mount the tool.
 * @param {HTMLElement} element with a .host and a .description
 * @param {object} store
 * @param {object} engine
 * @param {object} actions
 */
export function mount(element, store, engine, actions) {
  const description = element.querySelector(".description");
  const host = element.querySelector(".host");
  const button = (text) => make("button", { type: "button" }, text);
  const back = button("Back");
  const next = button("Next");
  const play = button("Play");
  const other = button("Another point");
  const trick = make("input", { type: "checkbox", name: "without-trick" });
  next.classList.add("primary");
  const caption = make("p", { class: "caption", role: "status" });
  const list = make("ol", { class: "stages" });
  const controls = make("div", { class: "row" }, back, next, play, other, make("label", {}, trick, " without the trick z = μ + σ·ε"));
  const picture = make("div", { class: "diagram", role: "group", "aria-label": "Drawing of the step" });
  host.append(make("div", { class: "slow" }, controls, list, picture, caption));
  const diagram = new StepDiagram(picture);

  let step = null;
  let at = 0;
  let timer = null;

  const show = () => {
    if (!step) return;
    const stages = stagesOf(step, trick.checked, store.get().runs.main.begin.units);
    const stage = stages[at];
    showStages(list, stages, at, (place) => {
      at = place;
      pausePlaying();
      show();
    });
    diagram.show({ ...stage, cut: trick.checked && at >= 5, numbers: numbersAt(step, at) });
    write(caption, stage.caption);
    write(description, `Stage ${at + 1} of ${stages.length}. ${stage.caption}`);
    back.disabled = at === 0;
    write(next, at === stages.length - 1 ? "Again" : "Next");
    pointOut(store, step, at);
  };

  const pausePlaying = () => {
    clearInterval(timer);
    timer = null;
    write(play, "Play");
  };
  const advance = () => {
    const isLast = at === 6;
    if (isLast && timer) pausePlaying();
    else at = isLast ? 0 : at + 1;
    show();
  };

  const load = async (point) => {
    if (!store.get().runs?.main?.begin) return;
    if (store.get().running) await actions?.togglePlay?.();
    try {
      const reply = await engine.request("main", "slow_motion", { point, without_trick: trick.checked });
      step = { point, ...(reply.stages ?? reply) };
      show();
    } catch (error) {
      write(caption, error.message);
    }
  };
  const count = () => pointsOf(store.get().runs.main.begin).count;

  next.addEventListener("click", () => {
    pausePlaying();
    if (step) advance();
    else load(store.get().selection?.point ?? 0);
  });
  back.addEventListener("click", () => {
    pausePlaying();
    at = Math.max(0, at - 1);
    show();
  });
  play.addEventListener("click", () => {
    if (timer) {
      pausePlaying();
      return;
    }
    if (!step) load(store.get().selection?.point ?? 0);
    else advance();
    timer = setInterval(advance, STAGE_MS);
    write(play, "Pause");
  });
  other.addEventListener("click", () => {
    at = 0;
    load(((step?.point ?? 0) + NEXT_POINT) % count());
  });
  trick.addEventListener("change", () => load(step?.point ?? store.get().selection?.point ?? 0));

  let begun = null;
  write(caption, "Press Next to take one point through one step. Training stands still meanwhile.");
  store.subscribe((state) => {
    const begin = state.runs?.main?.begin ?? null;
    const isLeft = state.view?.tool !== "slow";
    if (isLeft && timer) pausePlaying();
    if (isLeft || state.running) letGo(store, step);
    if (begin === begun) return;
    begun = begin;
    step = null;
    at = 0;
    pausePlaying();
  });
}

function showStages(list, stages, at, choose) {
  while (list.children.length < stages.length) {
    const place = list.children.length;
    const button = make("button", { type: "button", class: "plain" });
    button.addEventListener("click", () => choose(place));
    list.append(make("li", {}, button));
  }
  stages.forEach(({ name }, k) => {
    const button = list.children[k].firstChild;
    write(button, name);
    if (k === at) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
  });
}

/** What the boxes say by a stage: numbers appear when they are computed. */
function numbersAt(step, at) {
  const short = (values) => Array.from(values.slice(0, 2), (value) => fixed(value, 2)).join(" ");
  const std = Float32Array.from(step.logvar, (value) => Math.exp(value / 2));
  const known = [
    { x: short(step.x), mu: short(step.mu), std: short(std) },
    { eps: short(step.eps), z: short(step.z) },
    { decoded: short(step.x_hat) },
    { rate: fixed(step.rate), distortion: fixed(step.distortion), loss: say(step.loss) },
  ];
  return Object.assign({}, ...known.slice(0, at + 1));
}

/** Take back the cross that {@link pointOut} put down, unless the reader has moved it since. */
function letGo(store, step) {
  const { selection } = store.get();
  const isOurs = step && selection?.latent?.every((value, dim) => value === step.z[dim]);
  if (isOurs) store.set({ selection: { ...selection, pinned: false, latent: null, decoded: null } });
}

/** Point out in the other panels what is spoken of: the point, and from its draw on, the latent. */
function pointOut(store, step, at) {
  const { selection } = store.get();
  const latent = at >= 1 ? Array.from(step.z) : null;
  store.set({ selection: { ...selection, point: step.point, pinned: true, latent, line: null } });
}
