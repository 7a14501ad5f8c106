// The SHA-256 of a run's weights, once it stands still: two pages from one link end in the same one.

const ASK_MS = 150;
const SHOWN_DIGITS = 12;

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./engine_client.js").createEngine>} engine
 */
export function mountWeightsHash(element, store, engine) {
  let timer = null;
  let asked = 0;
  let shown = "";

  async function ask(wanted) {
    asked += 1;
    const own = asked;
    let hash = "";
    try {
      hash = (await engine.hash("main")).hash;
    } catch {
      // There are no weights where a run could not begin.
    }
    if (own !== asked) return;
    shown = wanted;
    element.dataset.hash = hash;
    element.textContent = hash ? `Weights ${hash.slice(0, SHOWN_DIGITS)}\u2026` : "";
    element.title = `SHA-256 of the weights: ${hash}`;
  }

  function clear() {
    asked += 1;
    shown = "";
    element.textContent = "";
    element.title = "";
    delete element.dataset.hash;
  }

  let begun = 0;
  let begin = null;
  store.subscribe((state, changed) => {
    if (!["runs", "running", "replay", "timeline"].some((name) => changed.has(name))) return;
    const main = state.runs.main;
    if (main?.begin !== begin) {
      begin = main?.begin;
      begun += 1;
    }

    const wanted = isGoing(state) || !main?.frame ? "" : `${begun} ${main.frame.step} ${state.timeline.at}`;
    if (wanted === shown && wanted) return;
    clear();
    clearTimeout(timer);
    if (wanted) timer = setTimeout(ask, ASK_MS, wanted);
  });
}

function isGoing({ running, replay }) {
  return running || replay !== null;
}
