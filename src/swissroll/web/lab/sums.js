// One measurement as sums: each number with what it is made of, and what it may be off by.

import { fixed, say } from "./canvas.js";
import { term } from "./glossary.js";
import { make, write } from "./toggles.js";

/** Rows: the whole, by its name in a summary, its word in the glossary, and its parts with their signs. */
const ROWS = [
  ["negative_elbo", "−ELBO", "elbo", [["", "distortion", "distortion", "distortion"], ["+", "rate", "rate", "rate"]]],
  ["value", "−log p(x)", "evidence", [["", "negative_elbo", "−ELBO"], ["−", "gap", "gap", "gap"]]],
  [
    "gap",
    "gap",
    null,
    [["", "family", "family", "family"], ["+", "asked", "asked by β", "asked"], ["+", "amortisation", "amortisation", "amortisation"]],
  ],
  ["rate", "rate", null, [["", "information", "I(x;z)", "information"], ["+", "mismatch", "KL(q(z)‖p)", "mismatch"]]],
];

const worded = (text, word) => (word ? term(text, word) : make("span", {}, text));

/**
 * @param {HTMLElement} host
 * @returns {(shown: object | null) => string} shows a rounded summary, null for none, and says it in words
 */
export function addSums(host) {
  const caption = make("p", { class: "quiet" });
  const grid = make("div", { class: "sums number" });
  const rows = ROWS.map(([name, text, word, parts]) => addRow(grid, name, worded(text, word), parts));
  host.append(make("div", {}, grid, caption));
  return (shown) => {
    grid.hidden = shown === null;
    caption.hidden = grid.hidden;
    if (shown === null) return "";
    write(caption, captionOf(shown));
    const evidence = shown.exact ? "−log p(x)" : "−log p(x), bound";
    return [caption.textContent, ...rows.map((row) => row(shown, evidence)).filter(Boolean)].join(" ");
  };
}

function addRow(grid, name, word, parts) {
  const number = make("b");
  const error = make("small");
  const whole = make("span", {}, number, error);
  const cells = parts.map(([sign, part, text, partWord]) => {
    const value = make("b");
    const cell = make("span", { class: "part" }, `${sign || "="} `, worded(text, partWord), " ", value);
    return { cell, sign, part, text, value };
  });
  const sum = make("span", {}, ...cells.flatMap(({ cell }) => [cell, " "]));
  grid.append(word, whole, sum);

  return (shown, evidence) => {
    const known = cells.filter(({ part }) => shown[part] !== null);
    for (const element of [word, whole, sum]) element.hidden = known.length < 2;
    if (known.length < 2) return "";
    if (name === "value") write(word, evidence);
    const digits = (value) => fixed(value, shown.decimals);
    write(number, digits(shown[name]));
    write(error, ` ± ${digits(shown.errors[name])}`);
    for (const { cell, part, value } of cells) {
      cell.hidden = shown[part] === null;
      if (!cell.hidden) write(value, digits(shown[part]));
    }
    const sums = known.map(({ sign, part, text }) => `${sign} ${text} ${digits(shown[part])}`.trim()).join(" ");
    return `${word.textContent} ${number.textContent}${error.textContent} = ${sums}.`;
  };
}

/** Of which step and points the sums are. @param {object} shown a rounded summary */
export function captionOf(shown) {
  const { step, rows, is_even, is_held_out, asked, true_beta } = shown;
  const where = `${rows} ${is_even ? "points along the curve" : is_held_out ? "held-out points" : "points that it trains on"}`;
  const aim = asked === null ? "" : ` True β ${say(true_beta)} asks for another encoder than the ELBO does.`;
  return `Nats, all of step ${step.toLocaleString("en")} and the same ${where}.${aim}${saySlack(shown)}`;
}

/** What an importance-weighted bound leaves open, so that the diagnosis and the sums add up. */
function saySlack({ value, slack, lower_bound, decimals }) {
  if (!(slack > 0)) return "";
  const digits = (number) => fixed(number, decimals);
  const least = Number((value - slack).toFixed(decimals));
  const above = lower_bound === null ? "" : `, ${digits(least - lower_bound)} above its lower bound ${digits(lower_bound)}`;
  return ` The bound on \u2212log p(x) may be ${digits(value - least)} too high: it is at least ${digits(least)}${above}.`;
}
