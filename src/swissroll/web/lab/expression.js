// Functions of t typed as text, such as "t cos(t) / 15": read by a small parser of our own. Nothing is evaluated as
// code, no name is known but those below, and length and depth are bounded.
//
//     sum      = product (("+" | "-") product)*
//     product  = signed (("*" | "/" | nothing) signed)*        2 t, 3 cos(t): nothing multiplies
//     signed   = ("-" | "+") signed | power
//     power    = value ("^" signed)?                           -t^2 is -(t^2), 2^-t is 2^(-t)
//     value    = number | "t" | constant | function "(" sum ("," sum)* ")" | "(" sum ")"

/** Longest expression, in characters. */
export const MAX_EXPRESSION = 300;
const MAX_DEPTH = 40;

const CONSTANTS = new Map([
  ["pi", Math.PI],
  ["π", Math.PI],
  ["tau", 2 * Math.PI],
  ["e", Math.E],
]);
const FUNCTIONS = new Map([
  ["sin", [1, Math.sin]],
  ["cos", [1, Math.cos]],
  ["tan", [1, Math.tan]],
  ["atan", [1, Math.atan]],
  ["exp", [1, Math.exp]],
  ["log", [1, Math.log]],
  ["sqrt", [1, Math.sqrt]],
  ["abs", [1, Math.abs]],
  ["sign", [1, Math.sign]],
  ["floor", [1, Math.floor]],
  ["tanh", [1, Math.tanh]],
  ["min", [2, Math.min]],
  ["max", [2, Math.max]],
  ["mod", [2, (value, divisor) => value - divisor * Math.floor(value / divisor)]],
  ["atan2", [2, Math.atan2]],
]);
const TOKEN = /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d{1,3})?|\.\d+(?:[eE][+-]?\d{1,3})?)|([A-Za-zπ]+2?)|(\*\*|[-+*/^(),]))/uy;

/** The names that an expression may hold, for a line of help. */
export const KNOWN_NAMES = [...FUNCTIONS.keys(), ...CONSTANTS.keys()];

/** What is wrong with an expression, as a sentence for its reader. */
export class ExpressionError extends Error {}

/**
 * @param {string} text
 * @returns {(t: number) => number} the expression's value, which need not be finite
 * @throws {ExpressionError}
 */
export function parseExpression(text) {
  if (text.length > MAX_EXPRESSION) {
    throw new ExpressionError(`The expression is longer than ${MAX_EXPRESSION} characters. Shorten it.`);
  }
  const parser = new Parser(readTokens(text));
  const value = parser.readSum(0);
  parser.requireEnd();
  return value;
}

/** Words, numbers and signs, each with its place in the text, counted from 1. */
function readTokens(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const start = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) {
      const rest = text.slice(start).trimStart();
      throw new ExpressionError(`"${[...rest][0]}" has no meaning here, at character ${end - rest.trimEnd().length + 1}.`);
    }
    const [, number, word, sign] = found;
    tokens.push({ number, word, sign, place: TOKEN.lastIndex - (number ?? word ?? sign).length + 1 });
  }
  if (tokens.length === 0) throw new ExpressionError("The expression is empty. Type one such as cos(t)");
  return tokens;
}

class Parser {
  constructor(tokens) {
    this.tokens = tokens;
    this.at = 0;
  }

  get next() {
    return this.tokens[this.at];
  }

  takes(...signs) {
    const sign = this.next?.sign;
    if (sign === undefined || !signs.includes(sign)) return null;
    this.at += 1;
    return sign;
  }

  readSum(depth) {
    if (depth > MAX_DEPTH) throw new ExpressionError(`There are more than ${MAX_DEPTH} brackets or signs in one another.`);
    let left = this.readProduct(depth);
    for (let sign = this.takes("+", "-"); sign; sign = this.takes("+", "-")) {
      left = combine(sign, left, this.readProduct(depth));
    }
    return left;
  }

  readProduct(depth) {
    let left = this.readSigned(depth);
    for (;;) {
      const sign = this.takes("*", "/");
      if (!sign && !this.beginsValue()) return left;
      left = combine(sign ?? "*", left, this.readSigned(depth));
    }
  }

  beginsValue() {
    return this.next !== undefined && (this.next.sign === undefined || this.next.sign === "(");
  }

  readSigned(depth) {
    if (depth > MAX_DEPTH) throw new ExpressionError(`There are more than ${MAX_DEPTH} brackets or signs in one another.`);
    const sign = this.takes("+", "-");
    if (sign === null) return this.readPower(depth);
    const value = this.readSigned(depth + 1);
    return sign === "-" ? (t) => -value(t) : value;
  }

  readPower(depth) {
    const base = this.readValue(depth);
    if (!this.takes("^", "**")) return base;
    const exponent = this.readSigned(depth + 1);
    return (t) => base(t) ** exponent(t);
  }

  readValue(depth) {
    const token = this.next;
    if (!token) throw new ExpressionError("The expression ends too early: a number or a name is missing at its end.");
    this.at += 1;
    if (token.number !== undefined) {
      const number = Number(token.number);
      return () => number;
    }
    if (token.word !== undefined) return this.readName(token, depth);
    if (token.sign !== "(") {
      throw new ExpressionError(`A number or a name is missing before "${token.sign}", at character ${token.place}.`);
    }
    const value = this.readSum(depth + 1);
    this.requireSign(")", token);
    return value;
  }

  readName({ word, place }, depth) {
    if (word === "t") return (t) => t;
    if (CONSTANTS.has(word)) {
      const constant = CONSTANTS.get(word);
      return () => constant;
    }
    if (!FUNCTIONS.has(word)) {
      const known = `t, ${KNOWN_NAMES.join(", ")}`;
      throw new ExpressionError(`"${word.slice(0, 30)}", at character ${place}, is not known. Known are ${known}.`);
    }
    return this.readCall(word, place, depth);
  }

  readCall(word, place, depth) {
    const [count, compute] = FUNCTIONS.get(word);
    if (!this.takes("(")) {
      throw new ExpressionError(`"${word}", at character ${place}, needs brackets: ${word}(t).`);
    }
    const values = [this.readSum(depth + 1)];
    while (this.takes(",")) values.push(this.readSum(depth + 1));
    this.requireSign(")", { place: place + word.length });
    if (values.length !== count) {
      const needs = count === 1 ? "one value" : "two values with a comma between them";
      throw new ExpressionError(`"${word}", at character ${place}, takes ${needs}; got ${values.length}.`);
    }
    const [first, second] = values;
    return count === 1 ? (t) => compute(first(t)) : (t) => compute(first(t), second(t));
  }

  requireSign(sign, opened) {
    if (this.takes(sign)) return;
    if (this.next === undefined) {
      throw new ExpressionError(`The bracket at character ${opened.place} is not closed.`);
    }
    this.requireEnd();
  }

  requireEnd() {
    if (this.next === undefined) return;
    const { number, word, sign, place } = this.next;
    throw new ExpressionError(`"${number ?? word ?? sign}", at character ${place}, has no place there.`);
  }
}

function combine(sign, left, right) {
  if (sign === "+") return (t) => left(t) + right(t);
  if (sign === "-") return (t) => left(t) - right(t);
  if (sign === "*") return (t) => left(t) * right(t);
  return (t) => left(t) / right(t);
}

/**
 * Points of functions of t, at evenly spread t.
 * @param {string[]} texts one expression for each coordinate, two or three
 * @param {string} from smallest t, such as "1.5 pi"
 * @param {string} to largest t
 * @param {number} count number of points
 * @returns {{dims: number, values: Float64Array}} n points of D coordinates, point after point
 * @throws {ExpressionError}
 */
export function pointsOfFunctions(texts, from, to, count) {
  const coordinates = texts.map((text, index) => attempt(`${"xyz"[index]}(t)`, () => parseExpression(text)));
  const low = attempt("t from", () => constantOf(from));
  const high = attempt("t to", () => constantOf(to));
  if (!(low < high)) throw new ExpressionError(`t must run upwards; it goes from ${low} to ${high}.`);

  const dims = coordinates.length;
  const values = new Float64Array(count * dims);
  for (let index = 0; index < count; index += 1) {
    const t = low + ((high - low) * (index + 0.5)) / count;
    coordinates.forEach((coordinate, dim) => {
      const value = coordinate(t);
      if (!Number.isFinite(value)) {
        throw new ExpressionError(`${"xyz"[dim]}(t) is not a finite number at t = ${t.toPrecision(4)}.`);
      }
      values[index * dims + dim] = value;
    });
  }
  return { dims, values };
}

function constantOf(text) {
  const parsed = parseExpression(text);
  const value = parsed(NaN);
  if (Number.isNaN(value)) throw new ExpressionError("it must be a number, without t.");
  if (!Number.isFinite(value)) throw new ExpressionError("it must be a finite number.");
  return value;
}

function attempt(name, parse) {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ExpressionError) throw new ExpressionError(`${name}: ${error.message}`);
    throw error;
  }
}
