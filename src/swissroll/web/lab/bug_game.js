// The game of guessing a bug: as many guesses as it takes, and after each wrong one another hint.

import { MISTAKES } from "./mistakes.js";

/** The trap of the game: no mistake at all. */
export const NONE = "none";
const BY_ID = new Map(MISTAKES.map((mistake) => [mistake.id, mistake]));
/** All that can be guessed. */
export const ALL = [...BY_ID.keys(), NONE];
const HINTS_OF_NONE = [
  "Are the two runs different at all?",
  "Look at the curve of their difference: is it ever anything but 0?",
];

/** What is guessed, in words. @param {string} id */
export function nameOf(id) {
  return id === NONE ? "no mistake at all" : BY_ID.get(id).name;
}

/**
 * Hints, each nearer to the answer: a question, where the wrong line is, what is seen of it, and the line as it should be.
 * @param {string} id
 * @returns {string[]}
 */
export function hintsOf(id) {
  if (id === NONE) return HINTS_OF_NONE;
  const { hint, place, effect, right } = BY_ID.get(id);
  return [hint, `The wrong line is in ${place}.`, effect, `The line should be: ${right}`];
}

/**
 * @typedef {object} Round
 * @property {string} id what is wrong
 * @property {boolean} isGame whether it was to be guessed
 * @property {boolean} isHidden whether it still is
 * @property {string[]} guesses in their order
 * @property {number} hints how many are shown
 */

/** @param {string} id @param {boolean} isGame @returns {Round} */
export const newRound = (id, isGame) => ({ id, isGame, isHidden: isGame, guesses: [], hints: 0 });

/** @param {Round} round @returns {Round} the same with another hint */
export const withHint = (round) => ({ ...round, hints: Math.min(round.hints + 1, hintsOf(round.id).length) });

/**
 * @param {Round} round
 * @param {string} id what is guessed
 * @returns {Round} which is over where the guess is right, and has another hint where it is not
 */
export function withGuess(round, id) {
  const guessed = { ...round, guesses: [...round.guesses, id] };
  return id === round.id ? { ...guessed, isHidden: false } : withHint(guessed);
}

const times = (count) => (count === 1 ? "1 guess" : `${count} guesses`);

/**
 * What is said of the last guess.
 * @param {Round} round
 * @param {{found: number, guesses: number}} score of all rounds, this one included
 * @returns {string}
 */
export function answerTo({ id, isHidden, guesses }, score) {
  const all = `${score.found} found with ${times(score.guesses)} in all.`;
  if (isHidden) return guesses.length ? `No, it is not “${nameOf(guesses.at(-1))}”. That was guess ${guesses.length}: try again.` : "";
  if (guesses.at(-1) === id) return `Right, with ${times(guesses.length)}: “${nameOf(id)}”. ${all}`;
  return `It is “${nameOf(id)}”. ${all}`;
}
