// Talks to the worker that trains: one promise for each message, and what it tells by itself goes into the store.

import { kernelBytes, startWorker } from "./parts.js";
import { startTruth } from "./truth_client.js";

const REDUCED_MOTION_MS = 500;

/**
 * A worker whose messages are answered by promises.
 * @param {(message: Object) => void} onEvent told of every message that is no reply
 */
export function createChannel(onEvent, worker = startWorker()) {
  const waiting = new Map();
  let last = 0;

  worker.onmessage = ({ data }) => {
    const isAnswer = data.id !== undefined || data.type === "reply";
    if (!isAnswer) {
      onEvent(data);
      return;
    }
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.type === "problem") asked?.reject(new Error(data.sentence));
    else asked?.resolve(data);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const sentence = `The engine stopped: ${event.message || "its worker could not be started"}. Reload the page.`;
    for (const request of waiting.values()) request.reject(new Error(sentence));
    waiting.clear();
    onEvent({ type: "problem", run: "main", sentence });
  };

  /** @returns {Promise<Object>} the reply; rejected with a sentence where there is a problem */
  function request(run, type, fields = {}) {
    last += 1;
    const id = last;
    const promise = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
    // Some askers need no answer; what is wrong is in the store too.
    promise.catch(() => {});
    worker.postMessage({ id, run, type, ...fields });
    return promise;
  }

  const ready = kernelBytes().then((bytes) => request(undefined, "kernel", { bytes }));
  ready.catch(() => {});
  return { request, ready, end: () => worker.terminate() };
}

/**
 * The engine of the page.
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function createEngine(store) {
  const channel = createChannel((message) => {
    receive(store, message);
    // The engine sends no further frame of a run before the last one is drawn, however slow that is. The panels asked for
    // the same animation frame before, so they have drawn by then; while that comes to the screen the next one is made.
    if (message.type === "frame") requestAnimationFrame(() => channel.request(message.run, "shown"));
  });
  const ask = async (run, type, fields) => {
    await channel.ready;
    return channel.request(run, type, fields);
  };
  const truth = startTruth(store, () =>
    createChannel((message) => {
      if (message.type === "truth" && truth.isOf(message.begun)) receive(store, message);
      // It is another engine's: the run goes on, without what is exact.
      if (message.type === "problem") store.set({ notes: [`What is exact is no longer found. ${message.sentence}`] });
    }),
  );

  // A decoded point is to follow the pointer.
  let latent = null;
  store.subscribe(({ selection }) => {
    if ((selection?.latent ?? null) === latent) return;
    latent = selection?.latent ?? null;
    channel.request("main", "touched");
    truth.giveWay();
  });

  return {
    request: ask,
    ready: channel.ready,
    /** Begin a run: settings, and where there are some, own points, a state, snapshots, a history. */
    start: (run, settings, known = {}) => ask(run, "start", { settings, ...known }),
    play: (run) => ask(run, "play"),
    pause: (run) => ask(run, "pause"),
    /** Make a number of steps; answered once they are made. */
    step: (run, count) => ask(run, "step", { count }),
    speed: (run, stepsPerSecond) => ask(run, "speed", { steps_per_second: stepsPerSecond }),
    /** Change beta or lr from the next step on. */
    set: (run, knobs) => ask(run, "set", knobs),
    /** What of the main run is looked at, and so is computed: its worker decodes, another one finds the truth. */
    look: ({ mesh, samples, plane, ...truths }) => {
      truth.look({ ...truths, plane });
      return ask("main", "view", { mesh, samples, plane });
    },
    encode: (run, points) => ask(run, "encode", { points }),
    state: (run) => ask(run, "state"),
    restore: (run, state) => ask(run, "restore", { state }),
    snapshots: (run) => ask(run, "snapshots"),
    snapshot: (run, step) => ask(run, "snapshot", { step }),
    hash: (run) => ask(run, "hash"),
    slowMotion: (run, point, withoutTrick) => ask(run, "slow_motion", { point, without_trick: withoutTrick }),
    stop: (run) => ask(run, "stop"),
  };
}

/** Put what a worker tells by itself into the store. */
function receive(store, message) {
  const run = message.run ?? "main";
  const { type, ...told } = message;

  if (type === "begin") {
    const begun = { begin: told, frame: null, truth: null, history: {}, problem: null, stopped: null };
    store.setRun(run, begun);
    return;
  }
  if (!store.get().runs[run] && type !== "problem") return;

  if (type === "frame") receiveFrame(store, run, told);
  // What a message of the truth does not tell is as before.
  else if (type === "truth") store.setRun(run, { truth: { ...store.get().runs[run].truth, ...told } });
  else if (type === "problem") receiveEnd(store, run, { problem: told });
  else if (type === "stopped") receiveEnd(store, run, { stopped: told });
}

function receiveEnd(store, run, patch) {
  showHeld(store);
  store.setRun(run, patch);
  if (run === "main") store.set({ running: false });
}

let shownAt = 0;
/** A frame of the main run that waits for its turn, where less motion is wanted. */
let held = null;

function receiveFrame(store, run, frame) {
  const { history } = store.get().runs[run];
  const extended = appendRows(history, frame.rows ?? {});

  // Where less motion is wanted, pictures change twice a second; the curves miss nothing.
  const now = performance.now();
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches && store.get().running;
  if (run === "main" && isStill && now - shownAt < REDUCED_MOTION_MS && store.get().runs[run].frame) {
    store.get().runs[run].history = extended;
    held = { begin: store.get().runs[run].begin, frame };
    return;
  }

  if (run === "main") {
    shownAt = now;
    held = null;
  }
  store.setRun(run, { frame, history: extended });
}

/** Show the frame that waits: a run that ends is shown at its end. */
function showHeld(store) {
  const main = store.get().runs.main;
  const waiting = held;
  held = null;
  if (waiting && waiting.begin === main?.begin) store.setRun("main", { frame: waiting.frame });
}

/**
 * A history with rows behind it. Rows of steps that it has already take their place: a run was set back.
 * @param {Object<string, number[]>} history
 * @param {Object<string, ArrayLike<number>>} rows columns of one length, `step` among them
 * @returns {Object<string, number[]>}
 */
export function appendRows(history, rows) {
  if (!rows.step?.length) return history;
  const first = rows.step[0];
  const steps = history.step ?? [];
  let kept = steps.length;
  while (kept > 0 && steps[kept - 1] >= first) kept -= 1;

  const extended = {};
  for (const name of new Set([...Object.keys(history), ...Object.keys(rows)])) {
    const column = history[name] ?? new Array(kept).fill(NaN);
    column.length = kept;
    const added = rows[name] ?? new Array(rows.step.length).fill(NaN);
    for (const value of added) column.push(value);
    extended[name] = column;
  }
  return extended;
}
