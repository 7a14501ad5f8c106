// Own data: drawn, pasted, opened from a file, or functions of t.

import { CsvError, MAX_TEXT, likelyColumns, pointsOf, readTable } from "./csv.js";
import { mountDrawing } from "./drawing.js";
import { make } from "./elements.js";
import { ExpressionError, KNOWN_NAMES, pointsOfFunctions } from "./expression.js";
import { fitPoints, sayFitted, sayStandardized, standardizeRows } from "./own_points.js";

/** Points that functions of t are drawn at. */
const FUNCTION_POINTS = 1000;
const INTRODUCTION = "Train on points of your own. They stay in this page and in its link.";
const MAX_FILE_BYTES = 4 * MAX_TEXT;

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
  const trainOnRows = (rows, name) => {
    const fitted = standardizeRows(rows, name, store.get().settings.seed);
    const { dims, values, held_out, units } = fitted;
    actions.rebuild({}, { points: { dims, values, held_out, name, units } });
    say(`Training on ${name}: ${sayStandardized(fitted)}`);
  };

  const back = make("button", { type: "button", textContent: "Back to the built-in data" });
  back.addEventListener("click", () => {
    actions.rebuild({}, { points: null });
    say("Back to the built-in data.");
  });
  element.querySelector(".host").append(
    told,
    mountDrawing(train, say),
    mountTable(trainOnRows, say),
    mountFunctions(train, say),
    back,
  );

  const describe = ({ points }) => {
    back.hidden = points === null;
    element.querySelector(".description").textContent = points
      ? `The run trains on ${points.name}, ${points.values.length / points.dims} points, and is measured on ${points.held_out ? `${points.held_out.length / points.dims} that are held out` : "the same ones"}.`
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
  /** The file that is being read, with a promise of whether it came into the text; null while none is. */
  let reading = null;

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

  // What is typed is newer than a file that is still being read.
  text.addEventListener("input", () => {
    reading = null;
  });
  text.addEventListener("change", () => {
    name = "pasted points";
    offer();
  });

  const refuse = (reason) => {
    // Without a name in the field, the same file can be chosen again.
    file.value = "";
    say(reason, true);
  };
  const open = async (chosen) => {
    const content = await chosen.text().catch(() => null);
    // Another file was chosen meanwhile, or a table was typed.
    if (reading?.file !== chosen) return false;
    reading = null;

    const fileName = chosen.name.slice(0, 60);
    if (content === null) {
      refuse(`${fileName} could not be read. Choose it again.`);
      return false;
    }
    text.value = content;
    name = `the points of ${fileName}`;
    say(`${fileName} is read.`);
    offer();
    return true;
  };
  file.addEventListener("change", () => {
    reading = null;
    const [chosen] = file.files;
    if (!chosen) return;
    if (chosen.size > MAX_FILE_BYTES) {
      refuse(`The file has ${(chosen.size / 1e6).toFixed(1)} MB; at most ${MAX_FILE_BYTES / 1e6} MB are read.`);
      return;
    }
    reading = { file: chosen, hasCome: open(chosen) };
  });

  const trainOnTable = () =>
    attempt(() => {
      const table = readTable(text.value);
      const chosen = chosenColumns(columns) ?? likelyColumns(table);
      train(pointsOf(table, chosen), name);
    });
  button.addEventListener("click", async () => {
    if (reading && !(await reading.hasCome)) return;
    trainOnTable();
  });

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
