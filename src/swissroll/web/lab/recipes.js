// A run of the page as text for elsewhere: settings for the package, a command, a Python script, and what its weights say.
// Each names every setting, whatever the package's defaults are, and the version whose names these are.

import { conventionsOf } from "./conventions.js";
import { FIELDS, dataDim } from "./settings.js";
import { pointRows } from "./written_tables.js";

/** What the package says of a run that is made again from the page's settings. */
export const ORIGIN =
  "From the lab's page. The settings are the same; engine and random generator are not, " +
  "so numbers agree in what they say and not in their digits";
const FOLDER = "lab-run";
/** A pasted table as command and settings name it, once it is saved; and the share of its rows that the package holds out. */
const SAVED = { data: "points.csv", held_out: 0.1 };
/** Fewest rows of a table that the package takes. */
const MIN_ROWS_OF_A_FILE = 20;
/** Settings of the package that the page does not have, and what they are in it. */
const UNCHANGED = {
  posterior: "diagonal",
  prior: "gaussians",
  conditional: false,
  mmd_weight: 0,
  free_bits: 0,
  max_error: null,
  importance_samples: 1,
};
const REALS = new Set(["mmd_weight", "free_bits", ...Object.keys(FIELDS).filter((name) => FIELDS[name].kind === "real")]);

/**
 * @typedef {object} Recipe What a run is made again from.
 * @property {Object<string, number | string | boolean | null>} settings those it began with
 * @property {{step: number, name: string, value: number}[]} turns knobs turned on the way
 * @property {number} step how far it is
 * @property {?{dims: number, values: Float32Array, units?: import("./units.js").Units}} points own points, where it has some
 * @property {string} version of the package that the page is of
 */

/** @param {import("./store.js").State} state @param {string} version @returns {Recipe} the main run's */
export function recipeOf(state, version) {
  const { started, turns, points, runs } = state;
  return { settings: started, turns, points, step: runs.main?.frame?.step ?? 0, version };
}

/** Whether a run's length is part of its schedules, so that it is trained to their end. */
function hasSchedule({ lr_schedule, beta_start, refit_prior }) {
  return lr_schedule !== "constant" || beta_start !== null || refit_prior;
}

/** The package's settings, by name: each of them that decides the run. */
function packageSettings({ settings, step, points }) {
  const steps = step > 0 && !hasSchedule(settings) ? step : settings.steps;
  const { mistake: _, ...all } = { ...settings, steps, ...UNCHANGED };
  if (!points?.recipe) return all;
  // A table stands in the place of the distribution, and has no noise.
  const { dataset: __, noise: ___, ...others } = all;
  return { ...points.recipe, ...others };
}

/** Own points that command and settings find in a file: a pasted table's, which is saved first. */
function inFile(recipe) {
  const { points } = recipe;
  return isPasted(points) ? { ...recipe, points: { ...points, recipe: SAVED } } : recipe;
}

/** Whether points are those of a pasted table that the package takes. */
const isPasted = (points) =>
  Boolean(points?.units && !points.recipe) && points.values.length / points.dims >= MIN_ROWS_OF_A_FILE;

/** The entries of settings that are not null: a file and a command leave out what is not there. */
const given = (settings) => Object.entries(settings).filter(([, value]) => value !== null);

const conventions = ({ settings, points }) =>
  conventionsOf(settings, dataDim(settings, points), Boolean(points?.units));

/** What the package does not do again, each a sentence. */
function differences({ settings, turns, points }) {
  const found = turns.map(({ step, name, value }) => `${name} was turned to ${value} after step ${step}`);
  const told = found.slice(0, 5).map((text) => `${text}; here it stays.`);
  if (found.length > 5) told.push(`Knobs were turned ${found.length - 5} more times.`);
  if (settings.mistake) told.push(`The page trained with the mistake ${settings.mistake}; here it is right.`);
  const isFound = points?.recipe || isPasted(points);
  if (points && !isFound) {
    told.push(`The page trained on ${points.name}, which this does not have: it trains on ${settings.dataset} instead.`);
    told.push("For the page's own points take the Python script.");
  }
  if (isFound && settings.noise) told.push(`The page added noise ${settings.noise}; here there is none.`);
  if (points?.recipe) told.push(`Run it in the folder that holds ${points.recipe.data}.`);
  if (isPasted(points)) {
    told.push(`First save "Points as CSV" from the page as ${SAVED.data} in this folder.`);
    told.push("They are the rows that the page trains on; here a tenth of them is held out and columns are standardised anew.");
  }
  return told;
}

/**
 * @param {Recipe} recipe
 * @returns {string} a config.toml for `swissroll train --config`
 */
export function configToml(recipe) {
  const lines = [...conventions(recipe), ...differences(recipe)].map((text) => `# ${text}`);
  for (const [name, value] of given(packageSettings(inFile(recipe)))) lines.push(`${name} = ${literal(name, value)}`);
  lines.push("", "[origin]", `note = "${ORIGIN}"`, "", "[versions]", `swissroll = "${recipe.version}"`);
  return `${lines.join("\n")}\n`;
}

/**
 * @param {Recipe} recipe
 * @returns {string} a command line, and below it comments
 */
export function command(recipe) {
  const flags = given(packageSettings(inFile(recipe))).map(([name, value]) => {
    const flag = name.replaceAll("_", "-");
    if (value === false) return `--no-${flag}`;
    return value === true ? `--${flag}` : `--${flag} ${quoted(value)}`;
  });
  const notes = [`swissroll ${recipe.version}.`, ...conventions(recipe), ...differences(recipe)];
  const lines = [["swissroll train", ...flags].join(" "), ...notes.map((text) => `# ${text}`)];
  return `${lines.join("\n")}\n`;
}

/**
 * @param {Recipe} recipe
 * @returns {string} a Python script that trains the run again
 */
export function pythonScript(recipe) {
  const { points } = recipe;
  const isEmbedded = points && !points.recipe;
  const told = differences({ ...recipe, points: isEmbedded ? null : points });
  const notes = [...conventions(recipe), ...told].map((text) => `${text}\n`).join("");
  const head = `"""A run of the lab, trained again with swissroll ${recipe.version}.\n\n${ORIGIN}.\n${notes}"""\n\n`;
  return head + (isEmbedded ? scriptOnPoints(recipe) : scriptByName(recipe));
}

/** In a script: says when another version is installed, whose settings may mean something else. */
const versionCheck = ({ version }) => `if swissroll.__version__ != "${version}":
    print("Written for swissroll ${version}; this is", swissroll.__version__)`;

/**
 * @param {Recipe} recipe of the step whose weights they are
 * @returns {Object<string, string>} what weights say of the run that they are of: each setting by its name, and more
 */
export function weightsMetadata(recipe) {
  const { points, turns, step, version, settings } = recipe;
  const all = { ...packageSettings({ ...recipe, step: 0 }), mistake: settings.mistake };
  const named = Object.entries(all).map(([name, value]) => [name, String(value ?? "none")]);
  const isEmbedded = points && !points.recipe;
  return {
    ...Object.fromEntries(named),
    format: "pt",
    step: String(step),
    swissroll: version,
    own_points: isEmbedded ? `${points.values.length / points.dims} of ${points.dims} coordinates, not of the dataset` : "none",
    ...(points?.units && { standardization: sayStandardization(points.units) }),
    turns: turns.map((turn) => `${turn.step}:${turn.name}:${turn.value}`).join(" ") || "none",
    conventions: conventions(recipe).join(" "),
    origin: "Saved from the lab's page.",
  };
}

/** What stands between a table and its weights, which are of standardised columns, as JSON. */
const sayStandardization = ({ columns, mean, scale }) => JSON.stringify({ columns, mean, scale });

/** A script on what has a name: a distribution, or the file of a table. */
function scriptByName(recipe) {
  return `import swissroll
from swissroll import Config, train

${versionCheck(recipe)}

${pythonConfig(packageSettings(recipe))}

run = train(config, "${FOLDER}")
last = run.history[-100:]
print(f"mean of the last {len(last)} steps, in nats per point:")
print(f"distortion {last.distortion.mean():.3f}, rate {last.rate.mean():.3f}")
print("Next: swissroll report ${FOLDER}")
`;
}

function scriptOnPoints(recipe) {
  const { dims, units } = recipe.points;
  const dataset = dims === 3 ? "helix" : "swiss_roll";
  return `from functools import partial

import torch

import swissroll
from swissroll import Config
from swissroll.training.build import build_model, loss_of
from swissroll.training.engines.torch import TorchEngine
from swissroll.training.loop import Training, scheduled_lr_and_beta

${versionCheck(recipe)}

${embeddedPoints(recipe.points)}

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
print(f"distortion {sum(r.train.distortion for r in last) / len(last)${units ? " + log_volume" : ""}:.3f}, ", end="")
print(f"rate {sum(r.train.rate for r in last) / len(last):.3f}")
`;
}

/** Own points as a script has them: those of a table in its own units, and standardised as the model sees them. */
function embeddedPoints({ dims, values, units }) {
  const rows = pointRows(values, dims, units).map((row) => `    [${row}],`).join("\n");
  if (!units) return `points = torch.tensor([\n${rows}\n])`;
  const row = (numbers) => `torch.tensor([${numbers.join(", ")}], dtype=torch.float64)`;
  return `# Columns: ${units.columns.join(", ")}.
rows = torch.tensor([
${rows}
], dtype=torch.float64)

# The model sees columns of mean 0 and standard deviation 1; a density of rows is lower by the volume of their units.
mean = ${row(units.mean)}
scale = ${row(units.scale)}
points = ((rows - mean) / scale).float()
log_volume = scale.log().sum().item()`;
}

function pythonConfig(settings) {
  const lines = Object.entries(settings).map(([name, value]) => `    ${name}=${literal(name, value, "python")},`);
  return `config = Config(\n${lines.join("\n")}\n)`;
}

/** A value as TOML or Python write it. */
function literal(name, value, language = "toml") {
  if (value === null) return "None";
  if (typeof value === "boolean") return language === "python" ? (value ? "True" : "False") : String(value);
  if (typeof value === "string") return JSON.stringify(value);
  const text = String(value);
  return REALS.has(name) && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** A value as a shell takes it. */
function quoted(value) {
  const text = String(value);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
