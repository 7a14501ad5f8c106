// Put into the lab's page before its own script: it notes when pictures are drawn and when the truth comes. It changes
// nothing, and the page tells it nothing: it reads what is there for everybody, canvases, texts and messages.

{
  const watch = {
    /** Milliseconds since the page was opened, of each animation frame in which the data's canvas was drawn anew. */
    painted: [],
    /** The step that the page showed then. */
    steps: [],
    /** When pictures of the truth came. */
    truths: { density: [], posterior: [] },
    /** From a move of the pointer over the latent plane to the frame that shows where it decodes to, in milliseconds. */
    hovers: [],
    /** When the first picture was there, and the first one with what the model makes of the data. */
    first: null,
    firstOfModel: null,
  };
  globalThis.watch = watch;

  // The readout says where the pointer is, and where that decodes to: both change together.
  const readout = () => document.querySelector("#panel-latent .readout")?.textContent.split(" decodes")[0];
  let moves = [];
  let readBefore = "";
  addEventListener(
    "pointermove",
    (event) => {
      if (!event.target.closest?.("#panel-latent")) return;
      if (moves.length === 0) readBefore = readout();
      moves.push(event.timeStamp);
    },
    true,
  );

  let hasFrame = false;
  const { set } = Object.getOwnPropertyDescriptor(Worker.prototype, "onmessage");
  Object.defineProperty(Worker.prototype, "onmessage", {
    set(listener) {
      set.call(this, (event) => {
        const { type, density, posterior } = event.data;
        if (type === "frame") hasFrame = true;
        if (type === "truth" && density) watch.truths.density.push(performance.now());
        if (type === "truth" && posterior) watch.truths.posterior.push(performance.now());
        listener.call(this, event);
      });
    },
  });

  // A panel clears its canvas and draws it in one animation frame. What was drawn is on its way to the screen once
  // another task runs.
  const { clearRect } = CanvasRenderingContext2D.prototype;
  let isNoted = false;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    clearRect.apply(this, box);
    if (isNoted || !this.canvas.closest("#panel-data")) return;
    isNoted = true;
    setTimeout(() => {
      isNoted = false;
      const now = performance.now();
      watch.painted.push(now);
      watch.steps.push(document.getElementById("now-step").textContent);
      watch.first ??= now;
      if (hasFrame) watch.firstOfModel ??= now;
      if (moves.length && readout() !== readBefore) {
        watch.hovers.push(...moves.map((moved) => now - moved));
        moves = [];
      }
    });
  };
}
