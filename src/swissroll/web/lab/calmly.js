// Words change no faster than they can be read, and the last change is never lost.

/**
 * Run something at most once in so many milliseconds, however often it is asked for.
 * @param {number} every in milliseconds
 * @param {() => void} run
 * @returns {(now?: boolean) => void} asks for it; `now` does not wait for its turn
 */
export function calmly(every, run) {
  let timer = null;
  let ranAt = -Infinity;
  // Paper does not wait for the next turn.
  addEventListener("beforeprint", run);
  return (now = false) => {
    if (now) ranAt = -Infinity;
    if (timer !== null && !now) return;
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        timer = null;
        ranAt = performance.now();
        run();
      },
      Math.max(0, ranAt + every - performance.now()),
    );
  };
}
