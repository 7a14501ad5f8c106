// Keeps the page's address a link to the run that is shown, and begins the run of an address.

import { decodeLink, encodeLink } from "./link.js";
import { PRESETS, presetOf, presetSettings, presetToggles } from "./presets.js";

/** A link to a file leads nowhere on another computer. */
export const OF_A_FILE =
  "The link is copied. This page is a file on your computer: for somebody else, send the file as well, or put what begins at # behind the address of their copy.";
const WRITE_MS = 400;
const TOLD = ["started", "turns", "points", "view", "running", "timeline"];

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./actions.js").createActions>} actions
 * @returns {{openAddress: () => boolean, copyLink: () => Promise<void>}}
 */
export function mountAddress(store, actions) {
  let timer = null;
  let last = null;
  store.subscribe((state, changed) => {
    // A step that is taken by itself comes with a frame, which may be late.
    const step = state.running ? null : (state.runs.main?.frame?.step ?? null);
    const isOtherStep = step !== last;
    last = step;
    if (!isOtherStep && !TOLD.some((name) => changed.has(name))) return;
    timer ??= setTimeout(() => {
      timer = null;
      write(store.get());
    }, WRITE_MS);
  });

  const openAddress = () => openLink(location.hash, store, actions);
  const copyLink = async () => {
    const link = location.href.split("#")[0] + encodeLink(store.get());
    try {
      await navigator.clipboard.writeText(link);
      actions.announce("The link is copied. It gives this run again.");
      flash("Copied");
      if (location.protocol === "file:") store.set({ notes: [OF_A_FILE] });
    } catch {
      history.replaceState(null, "", encodeLink(store.get()));
      store.set({ notes: ["The browser does not let the page copy. The link is in the address bar."] });
    }
  };
  document.getElementById("copy-link").addEventListener("click", copyLink);
  addEventListener("hashchange", openAddress);
  return { openAddress, copyLink };
}

/**
 * Begin the run of a fragment.
 * @returns {boolean} whether the fragment says anything
 */
function openLink(fragment, store, actions) {
  if (fragment.length < 2) return false;
  const { settings: asked, points, turns, step, view, problems } = decodeLink(fragment);
  store.set({ view: { toggles: presetToggles(presetOf(asked, points)), ...view } });
  const settings = view.lecture && presetOf(asked, points) === "first" ? presetSettings(PRESETS[view.scene].id) : asked;
  const run = { settings, points, turns, step: step ?? 0, plays: step === null, preset: presetOf(settings, points) };
  actions.replay(run);
  if (problems.length) store.set({ notes: problems });
  return true;
}

/** While a run goes on, its address begins it anew; once it stands still, its address leads to its step. */
function write(state) {
  if (state.replay) return;
  const isAtStart = !state.runs.main?.frame?.step;
  try {
    history.replaceState(null, "", encodeLink(state, state.running || isAtStart ? null : stepShown(state)));
  } catch {
    // A page inside another one, as in a notebook, may have an address that cannot be changed.
  }
}

function stepShown({ timeline, runs }) {
  return timeline.at ?? runs.main.frame.step;
}

function flash(words) {
  const button = document.getElementById("copy-link");
  button.textContent = words;
  setTimeout(() => {
    button.textContent = "Link";
  }, 1500);
}
