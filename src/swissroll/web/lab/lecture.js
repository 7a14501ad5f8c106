// Lecture mode: large type, one panel, and the questions as numbered scenes.

import { PANELS } from "./layout.js";
import { PRESETS, openPreset } from "./presets.js";

const WORDS = { data: "Data", latent: "Latent", curves: "Curves", tools: "What happens" };

/**
 * @param {HTMLElement} element where the bar of scenes goes
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 * @returns {{toggle: () => void, move: (by: number) => void}}
 */
export function mountLecture(element, store, actions) {
  const toggle = () => {
    const isOn = !store.get().view.lecture;
    store.set({ view: { lecture: isOn, panel: isOn ? (store.get().view.panel ?? "data") : null } });
    actions.announce(isOn ? "Lecture mode. Page down shows the next scene." : "Lecture mode is off.");
  };
  const open = (scene) => {
    store.set({ view: { scene } });
    openPreset(PRESETS[scene].id, store, actions);
  };
  const move = (by) => {
    const scene = store.get().view.scene + by;
    if (scene >= 0 && scene < PRESETS.length) open(scene);
  };

  const before = sceneButton("scene-before", "Scene before", () => move(-1));
  const after = sceneButton("scene-after", "Next scene", () => move(1));
  const words = document.createElement("p");
  words.id = "scene-words";
  const chooser = document.createElement("div");
  chooser.setAttribute("role", "group");
  chooser.setAttribute("aria-label", "Panel that is shown");
  for (const name of PANELS) {
    const choice = sceneButton(`scene-${name}`, WORDS[name], () => store.set({ view: { panel: name } }));
    choice.dataset.shows = name;
    chooser.append(choice);
  }
  element.append(before, words, after, chooser);
  document.getElementById("lecture").addEventListener("click", toggle);

  const show = ({ view, preset }) => {
    document.documentElement.toggleAttribute("data-lecture", view.lecture);
    document.getElementById("lecture").setAttribute("aria-pressed", String(view.lecture));
    element.hidden = !view.lecture;
    before.disabled = view.scene === 0;
    after.disabled = view.scene === PRESETS.length - 1;
    for (const choice of chooser.children) {
      choice.setAttribute("aria-pressed", String(choice.dataset.shows === view.panel));
    }

    const shown = PRESETS[view.scene];
    const number = document.createElement("b");
    const isShown = preset === shown.id;
    number.textContent = isShown ? `${view.scene + 1} of ${PRESETS.length}. ${shown.question}` : "Your own run.";
    words.replaceChildren(number, ` ${isShown ? shown.look : "Page up and Page down go through the questions."}`);
  };
  store.subscribe((state, changed) => {
    if (changed.has("view") || changed.has("preset")) show(state);
  });
  show(store.get());
  return { toggle, move };
}

function sceneButton(id, words, onClick) {
  const button = document.createElement("button");
  button.type = "button";
  button.id = id;
  button.textContent = words;
  button.addEventListener("click", onClick);
  return button;
}
