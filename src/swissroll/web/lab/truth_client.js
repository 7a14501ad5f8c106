// Lets a worker of its own find the truth of the run that is shown, from the weights of its frames: so neither the steps
// nor the pictures wait for it.

/** Milliseconds between two looks at the losses of a run that goes on, which only the diagnosis needs. */
const LOSSES_EVERY = 500;

/**
 * Losses that say how training goes now: those of the steps up to the one that is shown, and after the knob that was
 * turned last: with another knob they are losses of another loss.
 * @param {number[]} step
 * @param {number[]} losses one for each step
 * @param {{step: number}[]} turns
 * @param {number} shown
 * @returns {Float64Array}
 */
export function lossesSince(step, losses, turns, shown) {
  const turned = turns.reduce((last, turn) => (turn.step <= shown ? Math.max(last, turn.step) : last), -1);
  return Float64Array.from(losses.filter((_, row) => step[row] > turned && step[row] <= shown));
}

/**
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {() => {request: Function, ready: Promise}} openChannel starts the worker: not before there is a frame, as the
 *   first picture comes first
 * @returns {{look: (view: object) => void, isOf: (begun: number) => boolean, giveWay: () => void}} `look`: what is looked
 *   at, and so is to be found: {density, posterior, plane, point}; `isOf`: whether what was found is of the run that is
 *   shown; `giveWay`: work less for a moment, as the pointer moves
 */
export function startTruth(store, openChannel) {
  let channel = null;
  let view = null;
  let begin = null;
  let begun = 0;
  let sent = {};
  let isSending = false;
  let lossesAt = -Infinity;

  const isSent = (frame) => frame === sent.frame && view === sent.view && store.get().turns === sent.turns;
  const send = async () => {
    const main = store.get().runs?.main;
    if (isSending || !view || !main?.frame?.parameters || isSent(main.frame)) return;
    isSending = true;
    sent = { frame: main.frame, view, turns: store.get().turns };
    channel ??= openChannel();
    try {
      await channel.ready;
      await tell(main);
    } catch {
      // Without a worker there are pictures and no truth; the one that trains says what is wrong. It is asked again for the
      // next frame.
      sent = {};
      return;
    } finally {
      isSending = false;
    }
    send();
  };
  const tell = async (main) => {
    if (main.begin !== begin) {
      begin = main.begin;
      begun += 1;
      lossesAt = -Infinity;
      await channel.request("main", "watch", { begun, begin });
    }
    const { step, parameters, sigma, true_beta } = main.frame;
    const is_still = !store.get().running;
    const moment = { step, parameters, sigma, true_beta, view: { ...view, is_still } };
    // What stands still is judged by all of them.
    if (is_still || performance.now() - lossesAt > LOSSES_EVERY) {
      lossesAt = performance.now();
      // As Training.followedLosses.
      const { step: steps = [], loss = [], mse = [] } = main.history ?? {};
      const isLearned = begin.settings.decoder_variance === "learned";
      moment.losses = lossesSince(steps, isLearned ? mse : loss, store.get().turns ?? [], step);
    }
    await channel.request("main", "moment", { moment });
  };
  store.subscribe((_, changed) => {
    if (changed.has("runs") || changed.has("turns")) send();
  });

  return {
    giveWay: () => channel?.request("main", "touched"),
    look: (wanted) => {
      view = wanted;
      send();
    },
    isOf: (number) => number === begun && store.get().runs.main?.begin === begin,
  };
}
