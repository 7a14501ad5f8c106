// Tables of numbers as people paste them: comma, semicolon, tab or spaces between cells, with or without a head.
// Every byte is taken for hostile: sizes are bounded, and nothing is ever evaluated.

/** Longest text that is read, in characters. */
export const MAX_TEXT = 2_000_000;
/** Most columns of a table. */
export const MAX_COLUMNS = 100;
/** Most rows of a table. */
export const MAX_ROWS = 50_000;
/** Fewest rows that make a data set. */
export const MIN_ROWS = 3;
/** Largest number that is taken, either way from 0. */
export const MAX_NUMBER = 1e12;

/** Longest name of a column, in letters. */
const MAX_NAME = 40;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$/;
const COMMA_NUMBER = /^[+-]?(\d+,\d*|,\d+|\d+)([eE][+-]?\d{1,4})?$/;
/** Commas before three digits each, as between thousands; nobody writes 0,123 for a thousand. */
const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$/;
/** What stands in a column only where its commas are no decimal ones: two of them, a point, or 850 beside 1,234. */
const NO_DECIMAL_COMMA = /,.*,|\.|^[+-]?\d{3,}$/;
/** How a page begins. A name in angle brackets, such as <DATE> in exchange data, begins none. */
const WEB_PAGE = /^\s*<(!--|(!doctype|\?xml|html|head|meta|title|body|table|div|script|svg)\b)/i;
const SEPARATOR_NAMES = { ",": "comma", ";": "semicolon", "\t": "tab", " ": "space" };

/** What is wrong with a table, as a sentence for its reader, with the row and column where there is one. */
export class CsvError extends Error {
  /**
   * @param {string} reason what was wrong and what to do
   * @param {{row?: number, column?: number}} [place] both counted from 1, rows as lines of the text
   */
  constructor(reason, { row, column } = {}) {
    const where = [row && `row ${row}`, column && `column ${column}`].filter(Boolean).join(", ");
    super(where ? `${capitalize(where)}: ${reason}` : reason);
    this.row = row;
    this.column = column;
  }
}

/**
 * @typedef {object} Table
 * @property {string[]} names one for each column
 * @property {string[][]} rows cells, as text
 * @property {number[]} lines the line of the text that each row is on, counted from 1
 * @property {boolean} hasDecimalComma whether 1,5 is one and a half
 */

/**
 * Read a table; its cells stay text.
 * @param {string} text
 * @returns {Table}
 * @throws {CsvError} where it is none, or is too large
 */
export function readTable(text) {
  requireText(text);
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const separator = findSeparator(lines);

  const rows = [];
  const places = [];
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index];
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    // One more than are taken: the first may be a head.
    if (rows.length > MAX_ROWS) throw tooManyRows();
    rows.push(splitCells(line, separator, index + 1));
    places.push(index + 1);
  }
  if (rows.length === 0) throw new CsvError("There is no row of numbers here. Paste lines such as 0.5, 1.2");

  const hasDecimalComma = separator !== "," && usesDecimalComma(rows);
  const isHead = rows[0].every((cell) => readNumber(cell, hasDecimalComma) === null);
  const names = isHead ? rows.shift() : rows[0].map((_, index) => `column ${index + 1}`);
  if (isHead) places.shift();
  if (rows.length > MAX_ROWS) throw tooManyRows();

  requireShape(names, rows, places, separator, isHead);
  return { names: names.map(nameColumn), rows, lines: places, hasDecimalComma };
}

/**
 * The points of a table.
 * @param {Table} table
 * @param {number[]} columns which two or three columns, counted from 0
 * @returns {{dims: number, values: Float64Array, columns: string[]}} n points of D coordinates, point after point, and the
 *   names of the columns
 * @throws {CsvError} at the first cell that is no number
 */
export function pointsOf(table, columns) {
  const dims = columns.length;
  for (const column of columns) refuseThousands(table, column);
  const values = new Float64Array(table.rows.length * dims);
  table.rows.forEach((row, index) => {
    columns.forEach((column, dim) => {
      const place = { row: table.lines[index], column: column + 1 };
      values[index * dims + dim] = requireNumber(row[column], table.hasDecimalComma, place);
    });
  });
  requireSpread(values, dims, table, columns);
  return { dims, values, columns: columns.map((column) => table.names[column]) };
}

/**
 * Two or three columns to begin with: those of a narrow table that hold unlike numbers, else the first two that begin with some.
 * @param {Table} table
 * @returns {number[]} counted from 0
 */
export function likelyColumns(table) {
  const all = table.names.map((_, index) => index);
  const isNumber = (row, index) => readNumber(row[index], table.hasDecimalComma) !== null;
  if (all.length <= 3) {
    const isConstant = (index) => table.rows.every((row) => row[index] === table.rows[0][index]);
    const held = all.filter((index) => table.rows.some((row) => isNumber(row, index)));
    const varied = held.filter((index) => !isConstant(index));
    return [varied, held].find((columns) => columns.length >= 2) ?? all;
  }
  const numeric = all.filter((index) => isNumber(table.rows[0], index));
  return numeric.length >= 2 ? numeric.slice(0, 2) : [0, 1];
}

function requireText(text) {
  if (text.length > MAX_TEXT) {
    throw new CsvError(`The text is longer than ${MAX_TEXT / 1e6} million characters. Take fewer rows or columns.`);
  }
  if (text.startsWith("PK\u0003\u0004")) {
    throw new CsvError("This is a workbook or an archive, not a CSV file. In the spreadsheet, save it as CSV.");
  }
  if (text.includes("\u0000") || text.includes("\uFFFD")) {
    throw new CsvError("This is no text in UTF-8. Save the table as a CSV file in UTF-8.");
  }
  if (WEB_PAGE.test(text)) throw new CsvError("This is a web page or XML, not a table. Paste lines such as 0.5, 1.2");
  if (/^\s*[[{]/.test(text)) throw new CsvError("This is JSON, not a table. Paste lines such as 0.5, 1.2");
}

function tooManyRows() {
  return new CsvError(`The table has more than ${MAX_ROWS.toLocaleString("en")} rows. Take every tenth.`);
}

/** The separator of most first lines: one that is there, in the order of how surely it separates. */
function findSeparator(lines) {
  const sample = lines.filter((line) => line.trim() && !line.trimStart().startsWith("#")).slice(0, 20);
  for (const separator of ["\t", ";", ","]) {
    const count = sample.filter((line) => line.includes(separator)).length;
    if (count * 2 > sample.length) return separator;
  }
  return " ";
}

function splitCells(line, separator, row) {
  if (separator === " ") return boundCells(line.trim().split(/\s+/, MAX_COLUMNS + 1), row);
  if (!line.includes('"')) {
    return boundCells(line.split(separator, MAX_COLUMNS + 1).map((cell) => cell.trim()), row);
  }
  return boundCells(splitQuoted(line, separator, row), row);
}

/** Cells where some are in double quotes, inside of which two of them stand for one. */
function splitQuoted(line, separator, row) {
  const cells = [];
  let cell = "";
  let isQuoted = false;
  let before = "";
  for (const character of line) {
    if (character === '"') {
      isQuoted = !isQuoted;
      // Two of them inside of quotes: the second opens again, and one is meant.
      if (isQuoted && before === '"' && cell !== "") cell += character;
    } else if (character === separator && !isQuoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += character;
    before = character;
  }
  if (isQuoted) throw new CsvError("a double quote is not closed. Close it on the same line, or remove it.", { row });
  cells.push(cell.trim());
  return cells;
}

function boundCells(cells, row) {
  if (cells.length > MAX_COLUMNS) {
    throw new CsvError(`there are more than ${MAX_COLUMNS} columns. Keep the two or three that matter.`, { row });
  }
  return cells;
}

function usesDecimalComma(rows) {
  return rows.some((row) => row.some((cell) => cell.includes(",") && COMMA_NUMBER.test(cell)));
}

/** Read as decimal commas, the marks of 1,234 and 12,000 would make them smaller than 999. */
function refuseThousands({ rows, lines }, column) {
  const cells = rows.map((row) => row[column]);
  const marked = cells.filter((cell) => cell.includes(","));
  const areThousands = marked.every((cell) => THOUSANDS.test(cell)) && cells.some((cell) => NO_DECIMAL_COMMA.test(cell));
  if (marked.length === 0 || !areThousands) return;
  throw new CsvError(sayWrong(marked[0]), { row: lines[cells.indexOf(marked[0])], column: column + 1 });
}

function requireShape(names, rows, lines, separator, isHead) {
  if (names.length < 2) {
    const hint = "Put a comma between x and y.";
    throw new CsvError(`The table has one column; a point needs two or three numbers. ${hint}`);
  }
  rows.forEach((row, index) => {
    if (row.length === names.length) return;
    const many = row.length === 1 ? "is 1 cell" : `are ${row.length} cells`;
    const like = isHead ? "the head has" : "the first row has";
    const reason = `there ${many}, and ${like} ${names.length}, with a ${SEPARATOR_NAMES[separator]} between them.`;
    throw new CsvError(`${reason} Complete or remove it.`, { row: lines[index] });
  });
  if (rows.length < MIN_ROWS) {
    const found = rows.length === 1 ? "is 1 row" : `are ${rows.length} rows`;
    throw new CsvError(`There ${found} of numbers; a data set needs at least ${MIN_ROWS}.`);
  }
}

function requireNumber(cell, hasDecimalComma, place) {
  const number = readNumber(cell, hasDecimalComma);
  if (number === null) throw new CsvError(sayWrong(cell), place);
  if (Math.abs(number) > MAX_NUMBER) {
    throw new CsvError(`${quote(cell)} is larger than ${MAX_NUMBER}. Use other units, or remove the row.`, place);
  }
  return number;
}

/** A cell as a number; null where it is none. */
function readNumber(cell, hasDecimalComma) {
  if (hasDecimalComma && COMMA_NUMBER.test(cell)) return Number(cell.replace(",", "."));
  return NUMBER.test(cell) ? Number(cell) : null;
}

function sayWrong(cell) {
  if (cell === "") return "the cell is empty. Fill it, or remove the row.";
  if (/^(nan|na|n\/a|null|none|-|\?)$/i.test(cell)) return `${quote(cell)} stands for a missing value. Remove the row.`;
  if (/^[+-]?inf(inity)?$/i.test(cell)) return `${quote(cell)} is not a finite number. Remove the row.`;
  if (/^[=@]/.test(cell)) return `${quote(cell)} is a formula. Save the table with values instead.`;
  if (/^[+-]?[\d.,]+\s*[%€$£°]$|^[€$£]/.test(cell)) return `${quote(cell)} has a unit. Write the number alone.`;
  if (/^\d[\d' ]*[' ]\d{3}/.test(cell)) return `${quote(cell)} has marks between thousands. Write the digits alone.`;
  if (/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}/.test(cell)) return `${quote(cell)} looks like a date. Choose another column.`;
  if (THOUSANDS.test(cell)) return `${quote(cell)} has commas between thousands. Remove them in the whole column.`;
  if (/^[+-]?\d+,\d+$/.test(cell)) return `${quote(cell)} has a decimal comma. Write a point, or separate by semicolons.`;
  return `${quote(cell)} is not a number. Correct it, choose another column, or remove the row.`;
}

function requireSpread(values, dims, table, columns) {
  const isConstant = (dim) => {
    for (let index = dim; index < values.length; index += dims) if (values[index] !== values[dim]) return false;
    return true;
  };
  const constant = columns.filter((_, dim) => isConstant(dim));
  if (constant.length === columns.length) throw new CsvError("All points are the same one. There is nothing to learn.");
  if (constant.length === 0) return;
  const [column] = constant;
  const reason = `${table.rows[0][column]} stands in all rows, which has no density. Choose another column.`;
  throw new CsvError(reason, { column: column + 1 });
}

function nameColumn(name, index) {
  // As a link gives it again: without what turns or hides letters, and cut between them.
  const seen = [...name.replace(/\p{C}/gu, "?")].slice(0, MAX_NAME).join("");
  return seen || `column ${index + 1}`;
}

function quote(cell) {
  return cell.length > 30 ? `"${cell.slice(0, 30)}..."` : `"${cell}"`;
}

function capitalize(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
