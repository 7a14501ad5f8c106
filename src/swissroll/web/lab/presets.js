// Runs worth looking at, each as a question and what to look at for its answer.

import { tellWhereMore } from "./scrolling.js";
import { DEFAULTS, NOTEBOOK } from "./settings.js";

/**
 * @typedef {Object} Preset
 * @property {string} id
 * @property {string} question
 * @property {string} look what to watch, in one or two short sentences
 * @property {Object} settings what differs from the page's defaults
 * @property {Object<string, boolean>} [shows] toggles of the panels that differ from what a question shows by itself
 */

/** What every question shows, beside what panels show by themselves. */
const SHOWN = { reconstructions: true, residuals: true, mesh: false, density: true, samples: false, noise: false };

/** @type {Preset[]} */
export const PRESETS = [
  {
    id: "first",
    question: "Can it learn the Swiss roll?",
    look: "Orange rings are reconstructions: they settle on the data, while the codes in latent space fill the prior.",
    settings: {},
  },
  {
    id: "autoencoder",
    question: "And without the KL term?",
    look: "Beta is 0: a plain autoencoder. It reconstructs well, but what do draws of the prior decode to?",
    settings: { beta: 0 },
    shows: { samples: true, density: false },
  },
  {
    id: "notebook",
    question: "With the notebook's settings?",
    look: "The exercise's notebook trains at width 256. The steps are slower, the curve is drawn more finely.",
    settings: { ...NOTEBOOK, steps: DEFAULTS.steps },
  },
  {
    id: "too_strong",
    question: "What if beta is too strong?",
    look: "The rate falls to 0 nats: every point gets the same posterior, and the decoder draws one point.",
    settings: { beta: 5 },
  },
  {
    id: "too_weak",
    question: "What if beta is too weak?",
    look: "Reconstructions are sharp, but the latents leave the prior, and samples fall off the curve.",
    settings: { beta: 1e-5 },
    shows: { samples: true },
  },
  {
    id: "one_latent",
    question: "Is one latent enough?",
    look: "The roll is a curve, so one number could name each point. Does the VAE find that number?",
    settings: { latent_dim: 1 },
    shows: { mesh: true, residuals: false },
  },
  {
    id: "small_net",
    question: "Can 4 units draw it?",
    look: "Four units bend a line only a few times. More training does not help; turn up the width.",
    settings: { hidden_dim: 4, depth: 1 },
  },
  {
    id: "best",
    question: "How far does \u201cbest\u201d get?",
    look: "The preset \u201cbest\u201d: SiLU, a rate that falls, and a mixture prior that is fitted to the posteriors.",
    settings: {
      activation: "silu",
      initialization: "he",
      components: 20,
      refit_prior: true,
      lr: 1e-2,
      lr_schedule: "cosine",
      warmup: 50,
      steps: 3000,
    },
    shows: { samples: true, residuals: false },
  },
];

/**
 * The whole settings of a preset.
 * @param {string} id
 * @returns {import("./settings.js").Settings}
 */
export function presetSettings(id) {
  const preset = PRESETS.find((candidate) => candidate.id === id);
  if (!preset) throw new RangeError(`${id} is no preset.`);
  return { ...DEFAULTS, ...preset.settings };
}

/**
 * What a preset shows in the panels.
 * @param {string} id empty for settings of no preset
 * @returns {Object<string, boolean>}
 */
export function presetToggles(id) {
  return { ...SHOWN, ...PRESETS.find((preset) => preset.id === id)?.shows };
}

/**
 * The preset whose settings a run began with; empty where there is none.
 * @param {import("./settings.js").Settings} settings
 * @param {Object | null} points own data
 * @returns {string}
 */
export function presetOf(settings, points) {
  if (points) return "";
  const isOf = ({ id }) => Object.entries(presetSettings(id)).every(([name, value]) => settings[name] === value);
  return PRESETS.find(isOf)?.id ?? "";
}

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function mountPresets(element, store, actions) {
  const list = document.createElement("ol");
  list.setAttribute("aria-labelledby", "presets-title");
  const look = document.createElement("p");
  look.className = "look quiet";
  for (const { id, question } of PRESETS) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.dataset.preset = id;
    button.textContent = question;
    button.addEventListener("click", () => openPreset(id, store, actions));
    const item = document.createElement("li");
    item.append(button);
    list.append(item);
  }
  element.append(list, look);
  tellWhereMore(list);

  const show = ({ preset }) => {
    for (const button of list.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.preset === preset));
    }
    showPressed(list);
    look.textContent = PRESETS.find(({ id }) => id === preset)?.look ?? "Your own settings.";
  };
  store.subscribe((state, changed) => {
    if (changed.has("preset")) show(state);
  });
  show(store.get());
}

/** On a narrow window the questions are a strip: the one that is asked is in sight. */
function showPressed(list) {
  const item = list.querySelector('[aria-pressed="true"]')?.parentElement;
  if (!item) return;
  const first = item.offsetLeft - list.offsetLeft;
  const isInSight = first >= list.scrollLeft && first + item.offsetWidth <= list.scrollLeft + list.clientWidth;
  if (!isInSight) list.scrollLeft = first;
}

/**
 * Begin the run of a preset, and train.
 * @param {string} id
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function openPreset(id, store, actions) {
  const { question, look } = PRESETS.find((preset) => preset.id === id);
  store.set({ view: { toggles: { ...store.get().view.toggles, ...presetToggles(id) } } });
  actions.announce(`${question} ${look}`);
  return actions.start({ settings: presetSettings(id), points: null, preset: id, plays: true });
}
