// One key for each thing that is done often, and the list of them.

import { glossary } from "./glossary.js";
import { enlarge, PANELS } from "./layout.js";

/**
 * @typedef {Object} Shortcut
 * @property {string[]} keys as KeyboardEvent.key gives them
 * @property {string} shown what the list calls them
 * @property {string} words what it does
 * @property {() => void} run
 */

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 * @param {{openTour: () => void, toggleLecture: () => void, moveScene: (by: number) => void, copyLink: () => void}} page
 */
export function mountKeyboard(store, actions, page) {
  const dialog = document.createElement("dialog");
  dialog.id = "keys";
  dialog.setAttribute("aria-labelledby", "keys-title");
  const shortcuts = [
    { keys: [" "], shown: "Space", words: "Play or pause", run: actions.togglePlay },
    { keys: ["s"], shown: "S", words: "One step", run: () => actions.step() },
    { keys: ["r"], shown: "R", words: "Same start", run: actions.restart },
    { keys: ["n"], shown: "N", words: "New start", run: actions.newStart },
    { keys: ["["], shown: "[", words: "Less beta", run: () => nudge("beta", -1) },
    { keys: ["]"], shown: "]", words: "More beta", run: () => nudge("beta", 1) },
    { keys: ["-"], shown: "\u2212", words: "Smaller learning rate", run: () => nudge("lr", -1) },
    { keys: ["+", "="], shown: "+", words: "Larger learning rate", run: () => nudge("lr", 1) },
    { keys: [","], shown: ",", words: "The snapshot before", run: () => moveSnapshot(store, actions, -1) },
    { keys: ["."], shown: ".", words: "The snapshot after", run: () => moveSnapshot(store, actions, 1) },
    { keys: ["b"], shown: "B", words: "Go on training from the snapshot", run: actions.branch },
    { keys: ["1", "2", "3", "4"], shown: "1 to 4", words: "Go to a panel", run: (key) => goTo(Number(key) - 1) },
    { keys: ["f"], shown: "F", words: "Enlarge the panel, or show all", run: () => toggleLarge(store) },
    { keys: ["c"], shown: "C", words: "Copy the link", run: page.copyLink },
    { keys: ["t"], shown: "T", words: "Tour", run: page.openTour },
    { keys: ["l"], shown: "L", words: "Lecture", run: page.toggleLecture },
    { keys: ["PageDown"], shown: "Page down", words: "Lecture: next scene", run: () => page.moveScene(1) },
    { keys: ["PageUp"], shown: "Page up", words: "Lecture: scene before", run: () => page.moveScene(-1) },
    { keys: ["?"], shown: "?", words: "This help", run: () => dialog.showModal() },
  ];

  fill(dialog, shortcuts, store);
  document.body.append(dialog);
  document.getElementById("help").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => press(event, shortcuts, store));
}

function fill(dialog, shortcuts, store) {
  const title = document.createElement("h2");
  title.id = "keys-title";
  title.textContent = "Help";
  const close = document.createElement("button");
  close.type = "button";
  close.className = "primary";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  const head = document.createElement("div");
  head.className = "dialog-head";
  head.append(title, close);
  const list = document.createElement("dl");
  for (const { shown, words } of shortcuts) {
    const row = document.createElement("div");
    const key = document.createElement("dt");
    const meaning = document.createElement("dd");
    const cap = document.createElement("kbd");
    cap.textContent = shown;
    key.append(cap);
    meaning.textContent = words;
    row.append(key, meaning);
    list.append(row);
  }

  const choice = document.createElement("label");
  choice.className = "flag";
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = store.get().view.shortcuts;
  box.addEventListener("change", () => store.set({ view: { shortcuts: box.checked } }));
  choice.append(box, "Single keys work");

  const more = document.createElement("p");
  more.className = "quiet";
  more.textContent = "Tab reaches everything. Arrow keys move sliders, tabs, and the cursor in a panel. Escape leaves.";
  dialog.append(head, heading("The words of this page"), glossary(), heading("Keys"), list, more, choice);
}

function heading(words) {
  const made = document.createElement("h3");
  made.textContent = words;
  return made;
}

function press(event, shortcuts, store) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]") || isTyping(event)) return;
  if (event.key === "Escape" && store.get().view.panel && !store.get().view.lecture) {
    enlarge(store, null);
    return;
  }
  if (!store.get().view.shortcuts && event.key.length === 1 && event.key !== "?") return;
  if (!store.get().view.lecture && event.key.startsWith("Page")) return;

  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shortcut = shortcuts.find(({ keys }) => keys.includes(key));
  if (!shortcut) return;
  event.preventDefault();
  shortcut.run(key);
}

/** Whether a key belongs to what has the focus, and not to the page. */
function isTyping({ target, key }) {
  if (target.closest("input:not([type=checkbox], [type=radio], [type=range]), select, textarea")) return true;
  const isActivating = key === " " && target.closest("button, summary, a, input");
  return Boolean(isActivating);
}

/** Move a slider by a fifth of its decade, as its arrow keys would. */
function nudge(name, direction) {
  const range = document.getElementById(`knob-${name}`);
  range.value = String(Number(range.value) + 4 * direction);
  range.dispatchEvent(new Event("input"));
}

function moveSnapshot(store, actions, by) {
  const { runs, timeline } = store.get();
  const { steps, at } = timeline;
  if (steps.length === 0) return;
  // The newest snapshot may be the present itself.
  const present = steps.at(-1) === runs.main?.frame?.step ? steps.length - 1 : steps.length;
  const now = at === null ? present : steps.indexOf(at);
  const place = now + by;
  if (place >= steps.length) actions.look(null);
  else actions.look(steps[Math.max(place, 0)]);
}

/** Put the focus into a panel: on what is drawn there, where that takes keys, else on its first control. */
function goTo(place) {
  const panel = document.getElementById(`panel-${PANELS[place]}`);
  const inner = panel.querySelector(".host [tabindex='0'], .host[tabindex='0']:not([hidden] *)");
  (inner ?? panel.querySelector("input, button"))?.focus();
}

function toggleLarge(store) {
  const focused = document.activeElement?.closest(".panel")?.dataset.panel ?? "data";
  enlarge(store, store.get().view.panel ? null : focused);
}
