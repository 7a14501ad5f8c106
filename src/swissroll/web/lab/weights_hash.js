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

  async function show() {
    asked += 1;
    const own = asked;
    let hash = "";
    try {
      hash = (await engine.hash("main")).hash;
    } catch {
      // There are no weights where a run could not begin.
    }
    if (own !== asked || isGoing(store.get())) return;
    element.dataset.hash = hash;
    element.textContent = hash ? `Weights ${hash.slice(0, SHOWN_DIGITS)}\u2026` : "";
    element.title = `SHA-256 of the weights: ${hash}`;
  }

  store.subscribe((state, changed) => {
    if (!["runs", "running", "replay", "timeline"].some((name) => changed.has(name))) return;
    clearTimeout(timer);
    if (isGoing(state)) {
      asked += 1;
      element.textContent = "";
      delete element.dataset.hash;
      return;
    }
    timer = setTimeout(show, ASK_MS);
  });
}

function isGoing({ running, replay }) {
  return running || replay !== null;
}
