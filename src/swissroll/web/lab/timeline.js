// The run's snapshots along its steps: look at one, and go on training from it.

import { calmly } from "./calmly.js";

const ASK_MS = 700;
const counts = new Intl.NumberFormat("en");

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./engine_client.js").createEngine>} engine
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function mountTimeline(element, store, engine, actions) {
  const label = document.createElement("label");
  label.htmlFor = "timeline-range";
  label.textContent = "Timeline";

  const rail = document.createElement("div");
  rail.className = "rail";
  const range = document.createElement("input");
  range.type = "range";
  range.id = "timeline-range";
  range.min = "0";
  const turned = document.createElement("div");
  turned.className = "turned";
  turned.setAttribute("aria-hidden", "true");
  rail.append(range, turned);

  const words = document.createElement("output");
  words.id = "timeline-words";
  words.htmlFor = "timeline-range";
  const branch = button("branch", "Branch here", "Train on from this snapshot; later steps are forgotten", actions.branch);
  const back = button("back-to-now", "Back to now", "Show the run's last step again", () => actions.look(null));
  element.append(label, rail, words, branch, back);

  range.addEventListener("input", () => {
    const { steps } = store.get().timeline;
    const place = Number(range.value);
    actions.look(place >= steps.length ? null : steps[place]);
  });

  const show = (state) => {
    const { steps, at } = state.timeline;
    range.max = String(steps.length);
    range.disabled = steps.length === 0;
    range.value = String(at === null ? steps.length : steps.indexOf(at));
    const text = describe(state);
    words.textContent = text;
    range.setAttribute("aria-valuetext", text);
    branch.disabled = at === null;
    back.disabled = at === null;
    showTurns(turned, state);
  };
  store.subscribe((state, changed) => {
    if (changed.has("timeline") || changed.has("turns")) show(state);
  });
  show(store.get());
  keepCurrent(store, engine);
}

function button(id, words, title, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.id = id;
  made.textContent = words;
  made.title = title;
  made.addEventListener("click", onClick);
  return made;
}

function describe({ timeline: { steps, at } }) {
  if (steps.length === 0) return "No snapshots yet.";
  if (at !== null) return `Looking at step ${counts.format(at)}. Play goes on from here.`;
  return steps.length === 1 ? "1 snapshot." : `${steps.length} snapshots: drag to look back.`;
}

/** A mark on the rail for each knob that was turned. */
function showTurns(element, { turns, timeline: { steps } }) {
  element.replaceChildren();
  if (steps.length < 2) return;
  for (const { step, name, value } of turns.slice(-50)) {
    const place = steps.findIndex((snapshot) => snapshot >= step);
    if (place < 0) continue;
    const mark = document.createElement("i");
    mark.style.setProperty("--at", (place / steps.length).toFixed(4));
    mark.title = `Step ${step}: ${name} = ${value}`;
    element.append(mark);
  }
}

/** Ask the engine now and then which snapshots there are, and once more after the last change. */
function keepCurrent(store, engine) {
  const ask = calmly(ASK_MS, async () => {
    if (store.get().timeline.at !== null) return;
    try {
      const { steps } = await engine.snapshots("main");
      if (store.get().timeline.at === null) store.set({ timeline: { steps: Array.from(steps) } });
    } catch {
      // A run that has just ended has no snapshots; the next one is asked again.
    }
  });

  store.subscribe(({ runs, running }, changed) => {
    if (!runs.main?.frame) return;
    const hasPaused = changed.has("running") && !running;
    if (changed.has("runs") || hasPaused) ask(hasPaused);
  });
}
