// Nine small runs over beta and width, trained beside the main one, as thumbnails of what each model draws.

import { fixed } from "./canvas.js";
import { createChannel } from "./engine_client.js";
import { dataDim, impliedSigma } from "./settings.js";
import { short } from "./controls.js";

const STEPS = 1500;
const BURST = 100;
const MAX_WORKERS = 3;
const MAX_WIDTH = 256;
const THUMBNAIL = 52;
const MAX_DOTS = 400;

/**
 * The values of a sweep around a run's own: a tenth, itself and ten times; a quarter, itself and four times.
 * @param {import("./settings.js").Settings} settings
 * @returns {{betas: number[], widths: number[]}}
 */
export function sweepAxes({ beta, hidden_dim: width }) {
  const middle = beta > 0 ? beta : 0.01;
  const betas = [0.1, 1, 10].map((factor) => Number((middle * factor).toPrecision(6)));
  const centre = Math.max(4, Math.min(width, MAX_WIDTH / 4));
  return { betas, widths: [Math.round(centre / 4), centre, centre * 4] };
}

/** What a sweep trains, as a sentence, before it does. */
export function sayAxes({ betas, widths }) {
  const list = (values) => `${values.slice(0, -1).join(", ")} and ${values.at(-1)}`;
  const each = `Beta ${list(betas.map(short))} with widths ${list(widths)}, ${STEPS.toLocaleString("en")} steps each`;
  return `${each}. Choose one to open it.`;
}

/**
 * @param {HTMLElement} element
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {ReturnType<import("./engine_client.js").createEngine>} engine
 * @param {ReturnType<import("./actions.js").createActions>} actions
 */
export function mount(element, store, engine, actions) {
  const host = element.querySelector(".host");
  const description = element.querySelector(".description");
  const begin = document.createElement("button");
  begin.type = "button";
  begin.className = "primary";
  begin.textContent = "Train nine runs";
  const words = document.createElement("span");
  words.className = "quiet";
  const showWords = () => {
    words.textContent = sayAxes(sweepAxes(store.get().settings));
  };
  store.subscribe((_, changed) => {
    if (changed.has("settings")) showWords();
  });
  showWords();
  const head = document.createElement("p");
  head.className = "sweep-head";
  head.append(begin, words);
  const table = document.createElement("table");
  table.className = "sweep";
  host.append(head, table);

  let ended = () => {};
  begin.addEventListener("click", async () => {
    ended();
    const { settings, points } = store.get();
    const axes = sweepAxes(settings);
    const sigmas = settings.decoder_variance === "fixed" ? sigmasOf(axes.betas, settings, points) : [];
    const cells = fill(table, axes, sigmas, actions);
    const sweep = train(cells, settings, points);
    ended = sweep.end;
    actions.announce("Training nine runs.");
    if (await sweep.finished) {
      description.textContent = describe(cells);
      actions.announce("The nine runs are trained.");
    }
  });
}

/** The decoder's noise that each beta implies. */
function sigmasOf(betas, settings, points) {
  return betas.map((beta) => impliedSigma({ ...settings, beta }, dataDim(settings, points)));
}

/** Nine buttons in a table whose heads are the values; returns the cells. */
function fill(table, { betas, widths }, sigmas, actions) {
  table.replaceChildren();
  const top = table.createTHead().insertRow();
  const nameOf = (beta, column) => {
    const noise = sigmas[column] === undefined ? "" : `, \u03c3 ${short(sigmas[column])}`;
    return `\u03b2 ${short(beta)}${noise}`;
  };
  top.append(heading("", "col"), ...betas.map((beta, column) => heading(nameOf(beta, column), "col")));

  const cells = [];
  const body = table.createTBody();
  for (const width of widths) {
    const row = body.insertRow();
    row.append(heading(`width ${width}`, "row"));
    for (const beta of betas) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "plain";
      const canvas = document.createElement("canvas");
      canvas.width = THUMBNAIL * devicePixelRatio;
      canvas.height = THUMBNAIL * devicePixelRatio;
      const caption = document.createElement("span");
      caption.className = "number";
      caption.textContent = "waiting";
      button.append(canvas, caption);
      button.addEventListener("click", () => actions.rebuild({ beta, hidden_dim: width, beta_start: null }));
      row.insertCell().append(button);

      const cell = { beta, width, button, canvas, caption, loss: NaN };
      name(cell, "waiting");
      cells.push(cell);
    }
  }
  return cells;
}

function heading(words, scope) {
  const cell = document.createElement(words ? "th" : "td");
  if (words) cell.scope = scope;
  cell.textContent = words;
  return cell;
}

function name(cell, state) {
  cell.caption.textContent = state;
  cell.button.setAttribute("aria-label", `Open beta ${short(cell.beta)}, width ${cell.width}: ${state}`);
}

/** Train cells in workers of their own, a few at a time. */
function train(cells, settings, points) {
  const waiting = [...cells.keys()];
  const count = Math.min(MAX_WORKERS, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
  const channels = [];
  let isEnded = false;

  async function work() {
    const shown = {};
    const channel = createChannel((message) => {
      if (message.type === "begin") shown.begin = message;
      if (message.type === "frame") shown.frame = message;
    });
    channels.push(channel);
    await channel.ready;

    while (waiting.length && !isEnded) {
      const cell = cells[waiting.shift()];
      const changed = { beta: cell.beta, hidden_dim: cell.width, beta_start: null, steps: STEPS };
      try {
        await channel.request("cell", "start", {
          settings: { ...settings, ...changed },
          points,
        });
        for (let step = 0; step < STEPS && !isEnded; step += BURST) {
          await channel.request("cell", "step", { count: BURST });
          showCell(cell, shown, dataDim(settings, points), step + BURST);
        }
        await channel.request("cell", "stop");
      } catch (error) {
        name(cell, error.message);
      }
    }
    channel.end();
  }

  const finished = Promise.all(Array.from({ length: count }, work)).then(() => !isEnded);
  const end = () => {
    isEnded = true;
    for (const channel of channels) channel.end();
  };
  return { finished, end };
}

function showCell(cell, { begin, frame }, dims, step) {
  if (!begin || !frame) return;
  const rows = frame.rows ?? {};
  const loss = (rows.distortion?.at(-1) ?? NaN) + (rows.rate?.at(-1) ?? NaN);
  if (Number.isFinite(loss)) cell.loss = loss;
  name(cell, step < STEPS ? `step ${step}` : `\u2212ELBO ${fixed(cell.loss)}`);
  draw(cell.canvas, begin.points, frame.samples?.means ?? frame.reconstructions, dims);
}

/** The data as rings of grey, and what the model draws as dots over them. */
function draw(canvas, points, drawn, dims) {
  const context = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const size = canvas.width;
  let reach = 0;
  for (const value of points) reach = Math.max(reach, Math.abs(value));
  const place = (value) => (0.5 + (0.46 * value) / (reach || 1)) * size;

  context.clearRect(0, 0, size, size);
  const layers = [
    [points, "--reference", 0.012],
    [drawn, "--generated", 0.016],
  ];
  for (const [values, colour, share] of layers) {
    context.fillStyle = style.getPropertyValue(colour);
    const stride = dims * Math.max(1, Math.ceil(values.length / dims / MAX_DOTS));
    const radius = share * size;
    for (let at = 0; at < values.length; at += stride) {
      context.fillRect(place(values[at]) - radius, size - place(values[at + 1]) - radius, 2 * radius, 2 * radius);
    }
  }
}

function describe(cells) {
  const sentences = cells.map((cell) => `Beta ${short(cell.beta)}, width ${cell.width}: ${cell.caption.textContent}.`);
  return sentences.join(" ");
}
