// Own data: drawn, pasted, opened from a file, or functions of t. All of it becomes points about as large as the
// built-in data, so that beta, sigma and the pictures mean the same.

import { CsvError, MAX_TEXT, likelyColumns, pointsOf, readTable } from "./csv.js";
import { mountDrawing } from "./drawing.js";
import { make } from "./elements.js";
import { ExpressionError, KNOWN_NAMES, pointsOfFunctions } from "./expression.js";
import { MAX_POINTS } from "./settings.js";

/** Points that functions of t are drawn at. */
const FUNCTION_POINTS = 1000;
/** Rounding of own points, in data units: a link of them stays short, and no picture shows it. */
const ROUNDING = 1e-4;
const INTRODUCTION = "Train on points of your own. They stay in this page and in its link.";
const MAX_FILE_BYTES = 4 * MAX_TEXT;

/**
 * Points moved to mean 0 and divided by one number, so that the farthest coordinate is 1; their shape stays.
 * @param {{dims: number, values: ArrayLike<number>}} points n points of D coordinates, point after point
 * @param {string} name what they are, in words
 * @returns {{dims: number, values: Float32Array, name: string, scale: number, shift: number[], left: number}}
 *   at most MAX_POINTS of them, evenly chosen; `left`: how many were left out; shift and scale in the data's own units
 */
export function fitPoints({ dims, values }, name) {
  const total = values.length / dims;
  const count = Math.min(total, MAX_POINTS);
  const kept = new Float64Array(count * dims);
  for (let index = 0; index < count; index += 1) {
    const from = Math.floor((index * total) / count);
    for (let dim = 0; dim < dims; dim += 1) kept[index * dims + dim] = values[from * dims + dim];
  }

  const shift = new Array(dims).fill(0);
  kept.forEach((value, index) => {
    shift[index % dims] += value / count;
  });
  let scale = 0;
  kept.forEach((value, index) => {
    scale = Math.max(scale, Math.abs(value - shift[index % dims]));
  });
  scale ||= 1;

  const fitted = Float32Array.from(kept, (value, index) => {
    return Math.round((value - shift[index % dims]) / scale / ROUNDING) * ROUNDING;
  });
  return { dims, values: fitted, name, scale, shift, left: total - count };
}

/** What was done to points, as a sentence. */
export function sayFitted({ dims, values, scale, shift, left }) {
  const round = (value) => String(Number(value.toPrecision(3)));
  const count = `${(values.length / dims).toLocaleString("en")} points of ${dims} coordinates`;
  const moved = `moved by (${shift.map((value) => round(-value)).join(", ")}) and divided by ${round(scale)}`;
  const chosen = left ? ` ${left.toLocaleString("en")} more were left out, evenly.` : "";
  return `${count}, ${moved}, so that they reach about 1.${chosen}`;
}

/**
 * @param {HTMLElement} element the tool's section
 * @param {ReturnType<import("./store.js").createStore>} store
 * @param {object} engine
 * @param {object} actions
 */
export function mount(element, store, engine, actions) {
  // The first words stand where later ones come, so that nothing moves under the pointer.
  const told = make("p", { className: "told", role: "status", textContent: INTRODUCTION });
  const say = (text, isWrong = false) => {
    told.textContent = text;
    told.classList.toggle("wrong", isWrong);
  };
  const train = (points, name) => {
    const fitted = fitPoints(points, name);
    actions.rebuild({}, { points: { dims: fitted.dims, values: fitted.values, name } });
    say(`Training on ${name}: ${sayFitted(fitted)}`);
  };

  const back = make("button", { type: "button", textContent: "Back to the built-in data" });
  back.addEventListener("click", () => {
    actions.rebuild({}, { points: null });
    say("Back to the built-in data.");
  });
  element.querySelector(".host").append(
    told,
    mountDrawing(train, say),
    mountTable(train, say),
    mountFunctions(train, say),
    back,
  );

  const describe = ({ points }) => {
    back.hidden = points === null;
    element.querySelector(".description").textContent = points
      ? `The run trains on ${points.name}, ${points.values.length / points.dims} points.`
      : "The run trains on a built-in distribution.";
  };
  describe(store.get());
  store.subscribe((state, changed) => {
    if (changed.has("points")) describe(state);
  });
}

/** Paste or open a table. */
function mountTable(train, say) {
  const text = make("textarea", { id: "own-text", rows: 4, spellcheck: false, maxLength: MAX_TEXT });
  text.placeholder = "0.5, 1.2\n0.7, 1.1\n...";
  const file = make("input", { id: "own-file", type: "file", accept: ".csv,.tsv,.txt,text/csv,text/plain" });
  const columns = make("div", { className: "columns", hidden: true });
  const button = make("button", { type: "button", textContent: "Train on this table" });
  let name = "pasted points";

  const attempt = (action) => {
    try {
      action();
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      say(error.message, true);
    }
  };
  const offer = () => {
    columns.replaceChildren();
    columns.hidden = true;
    if (text.value.trim() === "") return;
    attempt(() => offerColumns(columns, readTable(text.value)));
  };

  text.addEventListener("change", () => {
    name = "pasted points";
    offer();
  });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    if (chosen.size > MAX_FILE_BYTES) {
      say(`The file has ${(chosen.size / 1e6).toFixed(1)} MB; at most ${MAX_FILE_BYTES / 1e6} MB are read.`, true);
      return;
    }
    text.value = await chosen.text();
    name = `the points of ${chosen.name.slice(0, 60)}`;
    say(`${chosen.name.slice(0, 60)} is read.`);
    offer();
  });
  button.addEventListener("click", () =>
    attempt(() => {
      const table = readTable(text.value);
      const chosen = chosenColumns(columns) ?? likelyColumns(table);
      train(pointsOf(table, chosen), name);
    }),
  );

  return section("Paste or open a table", [
    make("label", { htmlFor: "own-text", textContent: "Two or three numbers on a line, with or without names above" }),
    text,
    make("p", {}, [make("label", { htmlFor: "own-file", textContent: "or a CSV file: " }), file]),
    columns,
    button,
  ]);
}

/** Menus for the columns of a table, unless all of them are taken. */
function offerColumns(host, table) {
  const likely = likelyColumns(table);
  if (likely.length === table.names.length) return;
  ["x", "y", "z"].forEach((axis, dim) => {
    const menu = make("select", { id: `own-column-${axis}` });
    if (dim === 2) menu.append(make("option", { value: "", textContent: "none" }));
    table.names.forEach((column, index) => menu.append(make("option", { value: String(index), textContent: column })));
    menu.value = dim < 2 ? String(likely[dim]) : "";
    host.append(make("label", { textContent: `${axis} ` }, [menu]));
  });
  host.hidden = false;
}

function chosenColumns(host) {
  const menus = [...host.querySelectorAll("select")];
  if (menus.length === 0) return null;
  return menus.filter((menu) => menu.value !== "").map((menu) => Number(menu.value));
}

/** Functions of t. */
function mountFunctions(train, say) {
  const field = (id, label, value) => {
    const input = make("input", { id: `own-${id}`, type: "text", value, spellcheck: false, autocomplete: "off" });
    return { input, row: make("label", { htmlFor: input.id, textContent: `${label} ` }, [input]) };
  };
  const x = field("x", "x(t) =", "t cos(t) / 15");
  const y = field("y", "y(t) =", "t sin(t) / 15");
  const z = field("z", "z(t) =", "");
  const from = field("from", "t from", "1.5 pi");
  const to = field("to", "to", "4.5 pi");
  z.input.placeholder = "empty in the plane";

  const button = make("button", { type: "button", textContent: "Train on this curve" });
  button.addEventListener("click", () => {
    const texts = [x.input.value, y.input.value];
    if (z.input.value.trim()) texts.push(z.input.value);
    try {
      const points = pointsOfFunctions(texts, from.input.value, to.input.value, FUNCTION_POINTS);
      train(points, "a curve of your own");
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      say(error.message, true);
    }
  });
  return section("Type a curve", [
    make("div", { className: "functions" }, [x.row, y.row, z.row, from.row, to.row]),
    make("p", { className: "quiet", textContent: `Known: t, ${KNOWN_NAMES.join(", ")}, + - * / ^ and brackets.` }),
    button,
  ]);
}

function section(title, children) {
  return make("fieldset", { className: "own" }, [make("legend", { textContent: title }), ...children]);
}
