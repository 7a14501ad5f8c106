// The twin: a second run with the same start, data and noise, and one knob changed.

import { FIELDS, checkSettings } from "./settings.js";
import { OTHER, addPair, endWithMain, startOther, stopOther, turnBoth } from "./pair_view.js";
import { make, write } from "./toggles.js";

const KNOBS = [
  "beta",
  "lr",
  "hidden_dim",
  "depth",
  "latent_dim",
  "activation",
  "reduction",
  "decoder_variance",
  "components",
  "initialization",
  "batch_size",
];
/** What is proposed for a knob, from what it is. */
const PROPOSALS = {
  beta: (value) => (value ? Number((10 * value).toPrecision(3)) : 0.01),
  lr: (value) => Number((value * 5).toPrecision(3)),
  hidden_dim: (value) => (value > 8 ? Math.round(value / 8) : 64),
  depth: (value) => (value > 1 ? 1 : 3),
  latent_dim: (value) => (value === 1 ? 2 : 1),
  components: (value) => (value ? 0 : 20),
  batch_size: (value) => (value > 32 ? 16 : 128),
};

/**
 * Mount the tool.
 * @param {HTMLElement} element with a .host and a .description
 * @param {object} store
 * @param {object} engine
 */
export function mount(element, store, engine) {
  const host = element.querySelector(".host");
  const description = element.querySelector(".description");
  const knob = make("select", { name: "twin-knob", "aria-label": "Knob that differs" });
  for (const name of KNOBS) knob.append(make("option", { value: name }, FIELDS[name].label));
  const place = make("span");
  const start = make("button", { type: "button", class: "primary" }, "Start");
  const end = make("button", { type: "button" }, "End it");
  const problem = make("p", { class: "problem", role: "alert" });
  const hint = make("p", { class: "quiet" }, "Same first weights, data and noise. It catches up, then both train step for step.");
  const row = make("div", { class: "row" }, make("span", {}, "Same run, but"), knob, make("span", {}, "="), place, start, end);
  host.append(row, problem, hint);

  let words = "";
  const pair = addPair(host, store, { title: () => words, told: (sentence) => isMine() && write(description, sentence) });
  const isMine = () => Boolean(store.get().runs?.[OTHER]) && words !== "";

  const now = () => store.get().started?.[knob.value] ?? store.get().settings[knob.value];
  const offer = () => {
    place.replaceChildren(valueInput(knob.value, now()));
    write(problem, "");
  };
  const show = () => {
    const isThere = Boolean(store.get().runs?.[OTHER]);
    end.disabled = !isThere;
    hint.hidden = isThere;
    if (!isMine()) write(description, "No twin runs.");
  };

  knob.addEventListener("change", offer);
  start.addEventListener("click", async () => {
    const value = readValue(place.firstChild, knob.value);
    const { problems } = checkSettings({ ...store.get().settings, [knob.value]: value });
    write(problem, problems[0] ?? "");
    if (problems.length) return;
    words = `${FIELDS[knob.value].label} ${nameOf(knob.value, value)} in the place of ${nameOf(knob.value, now())}`;
    try {
      await startOther(store, engine, { [knob.value]: value });
    } catch (error) {
      write(problem, error.message);
    }
    pair.refresh();
  });
  end.addEventListener("click", () => stopOther(store, engine));
  endWithMain(store, engine, offer);
  turnBoth(store, engine);
  store.subscribe((state, changed) => {
    if (!changed.has("runs")) return;
    // A broken run has taken the twin's place.
    if (state.runs?.[OTHER]?.begin?.settings?.mistake) words = "";
    show();
  });
  offer();
  show();
}

function nameOf(name, value) {
  return FIELDS[name].choices?.[value] ?? String(value);
}

function valueInput(name, value) {
  const field = FIELDS[name];
  const label = `${field.label} of the twin`;
  if (field.kind === "choice") {
    const select = make("select", { name: "twin-value", "aria-label": label });
    for (const [choice, words] of Object.entries(field.choices)) select.append(make("option", { value: choice }, words));
    select.value = Object.keys(field.choices).find((choice) => choice !== value);
    return select;
  }
  const input = make("input", { type: "number", name: "twin-value", "aria-label": label, step: "any", min: field.low });
  input.value = PROPOSALS[name](value);
  return input;
}

function readValue(input, name) {
  return FIELDS[name].kind === "choice" ? input.value : Number(input.value);
}
