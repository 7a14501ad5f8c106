// The only state of the page. Whoever shows something subscribes; whoever changes something calls `set`.

import { DEFAULTS } from "./settings.js";

/** Parts of the state that a patch is merged into, and does not replace. */
const MERGED = new Set(["settings", "view", "selection", "timeline"]);

/**
 * @typedef {Object} State
 * @property {import("./settings.js").Settings} settings as they are now
 * @property {import("./settings.js").Settings} started as they were at step 0
 * @property {{step: number, name: string, value: number}[]} turns knobs that were turned while the run went on
 * @property {{dims: number, values: Float32Array, name: string} | null} points own data, n*dims
 * @property {string} preset id of the preset that was opened; empty once a setting differs from it
 * @property {boolean} running
 * @property {{to: number} | null} replay the step that a link's run is on its way to
 * @property {number} speed steps per second; 0 is as fast as it goes
 * @property {Object<string, Object>} runs by name: {begin, frame, truth, history, problem, stopped}
 * @property {Object} view {toggles, plane, isPlanePicked, lecture, scene, panel, tool, theme, shortcuts}
 * @property {{point: number | null, latent: number[] | null}} selection
 * @property {{steps: number[], at: number | null}} timeline
 * @property {string[]} notes sentences that the page shows above the panels
 */

/** @returns {State} the state that the page opens with */
export function initialState() {
  return {
    settings: { ...DEFAULTS },
    started: { ...DEFAULTS },
    turns: [],
    points: null,
    preset: "first",
    running: false,
    replay: null,
    speed: 0,
    runs: {},
    view: {
      toggles: {},
      plane: [0, 1],
      isPlanePicked: false,
      lecture: false,
      scene: 0,
      panel: null,
      tool: "story",
      theme: null,
      shortcuts: true,
    },
    selection: { point: null, latent: null },
    timeline: { steps: [], at: null },
    notes: [],
  };
}

/**
 * @param {State} [state]
 */
export function createStore(state = initialState()) {
  let current = state;
  const listeners = new Set();

  function tell(changed) {
    for (const listener of [...listeners]) listener(current, changed);
  }

  return {
    /** @returns {State} the state now; not to be changed in place */
    get: () => current,

    /**
     * Change the state and tell all subscribers.
     * @param {Partial<State>} patch merged one level deep into settings, view, selection and timeline
     */
    set(patch) {
      const next = { ...current };
      for (const [name, value] of Object.entries(patch)) {
        next[name] = MERGED.has(name) ? { ...current[name], ...value } : value;
      }
      current = next;
      tell(new Set(Object.keys(patch)));
    },

    /**
     * Change what is known of one run; null forgets it.
     * @param {string} name
     * @param {Object | null} patch
     */
    setRun(name, patch) {
      const runs = { ...current.runs };
      if (patch === null) delete runs[name];
      else runs[name] = { ...runs[name], ...patch };
      current = { ...current, runs };
      tell(new Set(["runs"]));
    },

    /**
     * @param {(state: State, changed: Set<string>) => void} listener told of the parts that changed
     * @returns {() => void} ends the subscription
     */
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
