// A run of the page as text for elsewhere: settings for the package, a command, a Python script, a table of its points.

import { FIELDS, NOTEBOOK } from "./settings.js";
import { cellOf } from "./units.js";

/** What the package says of a run that is made again from the page's settings. */
export const ORIGIN =
  "From the lab's page. The settings are the same; engine and random generator are not, " +
  "so numbers agree in what they say and not in their digits";
const FOLDER = "lab-run";

/**
 * @typedef {object} Recipe What a run is made again from.
 * @property {Object<string, number | string | boolean | null>} settings those it began with
 * @property {{step: number, name: string, value: number}[]} turns knobs turned on the way
 * @property {number} step how far it is
 * @property {?{dims: number, values: Float32Array}} points own points, where it has some
 */

/** @param {import("./store.js").State} state @returns {Recipe} the main run's */
export function recipeOf(state) {
  const { started, turns, points, runs } = state;
  return { settings: started, turns, points, step: runs.main?.frame?.step ?? 0 };
}

/** Whether a run's length is part of its schedules, so that it is trained to their end. */
function hasSchedule({ lr_schedule, beta_start, refit_prior }) {
  return lr_schedule !== "constant" || beta_start !== null || refit_prior;
}

/** The settings that the package knows and that differ from its defaults, by name. */
function packageSettings({ settings, step, points }) {
  const steps = step > 0 && !hasSchedule(settings) ? step : settings.steps;
  const table = points?.recipe ?? {};
  const all = { ...settings, steps, ...table };
  delete all.mistake;
  if (table.data) delete all.noise;
  return Object.fromEntries(Object.entries(all).filter(([name, value]) => value !== NOTEBOOK[name] && value !== null));
}

/** What the package does not do again, each a sentence. */
function differences({ settings, turns, points }) {
  const found = turns.map(({ step, name, value }) => `${name} was turned to ${value} after step ${step}`);
  const told = found.slice(0, 5).map((text) => `${text}; here it stays.`);
  if (found.length > 5) told.push(`Knobs were turned ${found.length - 5} more times.`);
  if (settings.mistake) told.push(`The page trained with the mistake ${settings.mistake}; here it is right.`);
  if (points && !points.recipe) told.push("The page trained on own points; here on the named distribution.");
  if (points?.recipe && settings.noise) told.push(`The page added noise ${settings.noise}; here there is none.`);
  if (points?.recipe) told.push(`Run it in the folder that holds ${points.recipe.data}.`);
  return told;
}

/**
 * @param {Recipe} recipe
 * @returns {string} a config.toml for `swissroll train --config`
 */
export function configToml(recipe) {
  const lines = differences(recipe).map((text) => `# ${text}`);
  for (const [name, value] of Object.entries(packageSettings(recipe))) lines.push(`${name} = ${literal(name, value)}`);
  return `${[...lines, "", "[origin]", `note = "${ORIGIN}"`].join("\n")}\n`;
}

/**
 * @param {Recipe} recipe
 * @returns {string} a command line
 */
export function command(recipe) {
  const flags = Object.entries(packageSettings(recipe)).map(([name, value]) => {
    const flag = `--${name.replaceAll("_", "-")}`;
    return value === true ? flag : `${flag} ${quoted(value)}`;
  });
  return ["swissroll train", ...flags].join(" ");
}

/**
 * @param {Recipe} recipe
 * @returns {string} a Python script that trains the run again
 */
export function pythonScript(recipe) {
  const notes = differences({ ...recipe, points: recipe.points?.recipe ? recipe.points : null }).map((text) => `${text}\n`).join("");
  const head = `"""A run of the lab, trained again.\n\n${ORIGIN}.\n${notes}"""\n\n`;
  const isEmbedded = recipe.points && !recipe.points.recipe;
  return head + (isEmbedded ? scriptOnPoints(recipe) : scriptByName(recipe));
}

/** A script on what has a name: a distribution, or the file of a table. */
function scriptByName(recipe) {
  return `from swissroll import Config, train

${pythonConfig(packageSettings(recipe))}

run = train(config, "${FOLDER}")
last = run.history[-100:]
print(f"mean of the last {len(last)} steps, in nats per point:")
print(f"distortion {last.distortion.mean():.3f}, rate {last.rate.mean():.3f}")
print("Next: swissroll report ${FOLDER}")
`;
}

function scriptOnPoints(recipe) {
  const { dims, values } = recipe.points;
  const rows = [];
  for (let index = 0; index < values.length; index += dims) {
    rows.push(`    [${Array.from(values.subarray(index, index + dims), shortest).join(", ")}],`);
  }
  const dataset = dims === 3 ? "helix" : "swiss_roll";
  return `from functools import partial

import torch

from swissroll import Config
from swissroll.training.build import build_model, loss_of
from swissroll.training.engines.torch import TorchEngine
from swissroll.training.loop import Training, scheduled_lr_and_beta

points = torch.tensor([
${rows.join("\n")}
])

# The data set says how many coordinates a point has; the points themselves are those above.
${pythonConfig({ ...packageSettings(recipe), dataset })}
generator = torch.Generator().manual_seed(config.seed)


def draw_batch() -> torch.Tensor:
    rows = torch.randint(len(points), (config.batch_size,), generator=generator)
    return points[rows] + config.noise * torch.randn(config.batch_size, ${dims}, generator=generator)


schedule = partial(scheduled_lr_and_beta, config)
engine = TorchEngine(build_model(config), draw_batch, loss=loss_of(config), lr=config.lr, schedule=schedule)
records = list(Training(engine, steps=config.steps))
last = records[-100:]
print(f"mean of the last {len(last)} steps, in nats per point:")
print(f"distortion {sum(r.train.distortion for r in last) / len(last):.3f}, ", end="")
print(f"rate {sum(r.train.rate for r in last) / len(last):.3f}")
`;
}

function pythonConfig(settings) {
  const lines = Object.entries(settings).map(([name, value]) => `    ${name}=${literal(name, value, "python")},`);
  return lines.length ? `config = Config(\n${lines.join("\n")}\n)` : "config = Config()";
}

/** A value as TOML or Python write it. */
function literal(name, value, language = "toml") {
  if (typeof value === "boolean") return language === "python" ? (value ? "True" : "False") : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  const text = String(value);
  return FIELDS[name]?.kind === "real" && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A value as a shell takes it. */
function quoted(value) {
  const text = String(value);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The shortest decimal number that is the same float32. */
function shortest(value) {
  for (let digits = 1; digits < 9; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(value);
}

/**
 * @param {{points: Float32Array, coordinate: ?Float32Array, units: ?object}} begin what a run's pictures show
 * @param {number} dims coordinates of a point
 * @returns {string} a table with a head: x1, x2, and where there is one the coordinate t; of a table its columns
 */
export function pointsCsv({ points, coordinate, units }, dims) {
  if (units) return tableCsv(points, units);
  const names = Array.from({ length: dims }, (_, dim) => `x${dim + 1}`);
  if (coordinate) names.push("t");
  const rows = [names.join(",")];
  for (let index = 0; index * dims < points.length; index += 1) {
    const cells = Array.from(points.subarray(index * dims, (index + 1) * dims), shortest);
    if (coordinate) cells.push(shortest(coordinate[index]));
    rows.push(cells.join(","));
  }
  return `${rows.join("\n")}\n`;
}

/** Rows of a table in its own units, under the names of its columns. */
function tableCsv(points, units) {
  const dims = units.columns.length;
  const inQuotes = (name) => (/[",\n\r]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);
  const rows = [units.columns.map(inQuotes).join(",")];
  for (let index = 0; index < points.length; index += dims) {
    rows.push(Array.from(points.subarray(index, index + dims), (value, dim) => cellOf(value, dim, units)).join(","));
  }
  return `${rows.join("\n")}\n`;
}
