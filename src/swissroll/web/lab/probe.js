// Keeps what is decoded of the cursor up to date: also under a cursor that stands still while training goes on.

/** Latents along a dragged line that are decoded. */
export const LINE_LATENTS = 65;
/** Draws from the posterior of the chosen point. */
export const POSTERIOR_DRAWS = 64;

/**
 * The latents that a selection asks to be decoded: the cursor, then the line.
 * @param {{latent?: ArrayLike<number>|null, line?: ArrayLike<number>[]|null}} selection
 * @returns {Float32Array} each of L numbers
 */
export function latentsOf({ latent, line }) {
  const found = latent ? Array.from(latent) : [];
  if (line) {
    const [from, to] = line;
    for (let k = 0; k < LINE_LATENTS; k++) {
      const share = k / (LINE_LATENTS - 1);
      for (let dim = 0; dim < from.length; dim++) found.push(from[dim] + share * (to[dim] - from[dim]));
    }
  }
  return Float32Array.from(found);
}

/** One question to the engine at a time; what is asked meanwhile is asked afterwards, once. */
class Question {
  constructor() {
    this.asking = false;
    this.next = null;
  }

  async ask(question) {
    this.next = question;
    if (this.asking) return;
    this.asking = true;
    while (this.next) {
      const now = this.next;
      this.next = null;
      try {
        await now();
      } catch {
        // A run that is rebuilt answers no more; its successor is asked anew.
      }
    }
    this.asking = false;
  }
}

/**
 * Keep store.selection.decoded {mean: D numbers, line: Float32Array m*D} and store.selection.draws {latents, means}
 * those of the run's present weights.
 * @param {object} store
 * @param {object} engine
 */
export function startProbe(store, engine) {
  const decoding = new Question();
  const drawing = new Question();
  let asked = {};

  store.subscribe(() => {
    const { runs, selection = {} } = store.get();
    const main = runs?.main;
    if (!main?.frame) return;

    const { latent = null, line = null, point = null } = selection;
    const { frame } = main;
    const moved = frame !== asked.frame;
    const wasAt = asked;
    asked = { frame, latent, line, point };

    if ((latent || line) && (moved || latent !== wasAt.latent || line !== wasAt.line))
      decoding.ask(() => decode(store, engine, asked));
    if (point !== null && (moved || point !== wasAt.point))
      drawing.ask(async () => {
        const wanted = asked.point;
        if (wanted === null) return;
        const draws = await engine.request("main", "posterior_draws", { point: wanted, count: POSTERIOR_DRAWS });
        if (store.get().selection.point === wanted) patch(store, { draws });
      });
  });
}

async function decode(store, engine, { latent, line }) {
  const latents = latentsOf({ latent, line });
  if (!latents.length) return;

  const { means } = await engine.request("main", "decode", { latents });
  const size = (latent ?? line[0]).length;
  const dims = means.length / (latents.length / size);
  const now = store.get().selection;
  if (now.latent?.length !== latent?.length) return;
  patch(store, {
    decoded: {
      latent,
      mean: latent ? means.slice(0, dims) : null,
      line: line ? means.slice(latent ? dims : 0) : null,
    },
  });
}

function patch(store, fields) {
  store.set({ selection: { ...store.get().selection, ...fields } });
}
