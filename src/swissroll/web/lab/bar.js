// The bar at the top: training's buttons, and how far the run is.

import { fixed } from "./canvas.js";
import { lastNumber, rowsUntil } from "./curve_lines.js";
import { explain } from "./glossary.js";
import { currentRun, recentSummary } from "./summary.js";

/** Steps per second that can be chosen; 0 is as fast as it goes. */
const SPEEDS = {
  0: "fastest",
  1: "1 step/s",
  5: "5 steps/s",
  20: "20 steps/s",
  100: "100 steps/s",
  500: "500 steps/s",
};

const counts = new Intl.NumberFormat("en");

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function mountBar(store, actions) {
  const find = (id) => document.getElementById(id);
  for (const [value, words] of Object.entries(SPEEDS)) find("speed").add(new Option(words, value));
  find("speed").addEventListener("change", () => actions.setSpeed(Number(find("speed").value)));
  find("play").addEventListener("click", actions.togglePlay);
  find("step").addEventListener("click", () => actions.step());
  find("same-start").addEventListener("click", actions.restart);
  find("new-start").addEventListener("click", actions.newStart);

  explain(find("now-loss").parentElement, "elbo");
  store.subscribe((state, changed) => showBar(state, changed));
  showBar(store.get(), new Set(["running", "runs", "speed", "notes"]));

  mountNotes(store, find("notes"));
  mountEnds(store, actions);
}

function showBar(state, changed) {
  if (changed.has("running") || changed.has("replay")) {
    const isGoing = state.running || state.replay !== null;
    const play = document.getElementById("play");
    play.querySelector("use").setAttribute("href", isGoing ? "#icon-pause" : "#icon-play");
    play.querySelector(".words").textContent = isGoing ? "Pause" : "Play";
  }
  if (changed.has("speed")) document.getElementById("speed").value = String(state.speed);
  if (["runs", "running", "replay", "timeline"].some((name) => changed.has(name))) showReadout(state);
}

/**
 * The negative ELBO as the bar writes it: measured where that is recent, else of the history while the run goes on.
 * @param {{runs: object, running: boolean, timeline: {at: number | null}}} state
 * @returns {string}
 */
export function sayElbo({ runs, running, timeline }) {
  const shown = runs.main ? recentSummary(currentRun(runs.main, running)) : null;
  const negativeElbo = shown ? shown.negative_elbo : running ? lastElbo(runs.main?.history ?? {}, timeline.at) : NaN;
  return Number.isFinite(negativeElbo) ? fixed(negativeElbo, shown?.decimals) : "\u2013";
}

function showReadout(state) {
  const { runs, running, replay } = state;
  const frame = runs.main?.frame;
  const step = counts.format(frame?.step ?? 0);
  document.getElementById("now-step").textContent = replay ? `${step} of ${counts.format(replay.to)}` : step;
  document.getElementById("now-speed").textContent = running ? counts.format(Math.round(frame?.steps_per_second ?? 0)) : "0";
  document.getElementById("now-loss").textContent = sayElbo(state);
}

/** The negative ELBO on held-out points at a step, in nats, before there is an exact one; before the first, on the batch. */
function lastElbo(history, at) {
  const count = rowsUntil(history, at);
  const last = (name) => lastNumber(history[name] ?? [], count);
  const measured = last("held_out_distortion") + last("held_out_rate");
  return Number.isFinite(measured) ? measured : last("distortion") + last("rate");
}

/** Sentences about what is wrong or finished, each until it is closed. */
function mountNotes(store, element) {
  const showNotes = ({ notes }) => {
    element.replaceChildren();
    if (notes.length === 0) return;
    element.append(notes.join(" "));
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    close.addEventListener("click", () => store.set({ notes: [] }));
    element.append(close);
  };
  store.subscribe((state, changed) => {
    if (changed.has("notes")) showNotes(state);
  });
  showNotes(store.get());
}

/** Say that a run broke or finished, once. */
function mountEnds(store, actions) {
  let told = null;
  store.subscribe(({ runs }, changed) => {
    if (!changed.has("runs")) return;
    const end = runs.main?.problem ?? runs.main?.stopped ?? null;
    if (end === told) return;
    told = end;
    if (!end) return;
    if (runs.main.problem) store.set({ notes: [end.sentence] });
    else actions.announce(end.sentence);
  });
}
