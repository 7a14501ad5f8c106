// What the assembled page carries: its script, which workers run too, the kernel, and what it begins with. Where lab.html
// is opened as it is, from a server, these lie beside it.

import { tableFrom } from "./table.js";

let address = null;

/** @returns {string} The version of the package that put the page together. */
export function pageVersion() {
  return document.querySelector('meta[name="version"]')?.content ?? "of another version";
}

/** @returns {Worker} A worker that runs worker.js. It waits for the kernel's bytes in its first message. */
export function startWorker() {
  const source = document.getElementById("lab-script")?.textContent;
  if (!source) return new Worker("worker.js", { type: "module" });

  address ??= allowed(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return new Worker(address);
}

/** @returns {Promise<ArrayBuffer>} The bytes of kernel.wasm. */
export async function kernelBytes() {
  const text = read("kernel");
  return text ? inflate(text) : (await fetch("kernel.wasm")).arrayBuffer();
}

/**
 * @returns {Promise<?Object>} What the page is to begin with: {settings}, of a table {points}, and of a recorded run {name, snapshots: [{step,
 *   tensors}], history} too; null for the page's own choice.
 */
export async function givenStart() {
  const text = read("given");
  return text ? unpackStart(JSON.parse(text)) : null;
}

/**
 * @param {Object} packed What `swissroll.report.lab_start` writes.
 * @returns {Promise<Object>} As {@link givenStart}
 */
export async function unpackStart({ weights, history, table, ...given }) {
  const rest = table ? { ...given, points: tableFrom(table, bytesFromBase64) } : given;
  if (!weights) return rest;
  const rows = Object.entries(history).map(([name, column]) => [name, column.map((value) => value ?? NaN)]);
  return { ...rest, snapshots: await unpackWeights(weights), history: Object.fromEntries(rows) };
}

/** Weights as `swissroll.report.lab_weights` packs them: scales of rows, the exact end, and differences backwards. */
async function unpackWeights({ layout, steps, bits, text }) {
  const bytes = new Uint8Array(await inflate(text));
  const tensors = layout.map(({ name, shape }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    return { name, shape, size, rows: shape.length > 1 ? shape[0] : 1 };
  });
  const count = tensors.reduce((sum, { size }) => sum + size, 0);
  const rowCount = tensors.reduce((sum, { rows }) => sum + rows, 0);

  const scales = new Float32Array(bytes.slice(0, 4 * rowCount).buffer);
  const scaleOf = new Float32Array(count);
  let row = 0;
  let place = 0;
  for (const { size, rows } of tensors)
    for (let k = 0; k < rows; k++, row++, place += size / rows) scaleOf.fill(scales[row], place, place + size / rows);

  // The sign of the end's weights was moved to the last bit.
  let from = 4 * rowCount;
  const end = new Float32Array(numbersByPlace(bytes, from, count, 4).map((word) => (word >>> 1) | (word << 31)).buffer);
  from += 4 * count;

  const numbers = new (bits > 8 ? Int16Array : Int8Array)(count);
  for (let k = 0; k < count; k++) numbers[k] = Math.floor(end[k] / (scaleOf[k] || 1) + 0.5);
  const width = numbers.BYTES_PER_ELEMENT;
  const found = [{ step: steps.at(-1), tensors: named(tensors, end) }];
  for (const step of steps.slice(0, -1).reverse()) {
    const differences = numbersByPlace(bytes, from, count, width);
    from += width * count;
    for (let k = 0; k < count; k++) numbers[k] += differences[k];
    found.unshift({ step, tensors: named(tensors, Float32Array.from(numbers, (number, k) => number * scaleOf[k])) });
  }
  return found;
}

/** Whole numbers whose bytes lie by their place: of all numbers the lowest first. */
function numbersByPlace(bytes, from, count, width) {
  const found = new Uint32Array(count);
  for (let place = 0; place < width; place++)
    for (let k = 0; k < count; k++) found[k] |= bytes[from + place * count + k] << (8 * place);
  return found;
}

function named(tensors, values) {
  let from = 0;
  const parts = tensors.map(({ name, shape, size }) => {
    from += size;
    return [name, { shape, values: values.slice(from - size, from) }];
  });
  return Object.fromEntries(parts);
}

/** @returns {Promise<ArrayBuffer>} */
function inflate(text) {
  const stream = new Blob([bytesFromBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/**
 * @param {string} text
 * @returns {Uint8Array}
 */
export function bytesFromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function read(part) {
  return document.getElementById(`part-${part}`)?.textContent ?? "";
}

// The page's policy lets no text become code, but for the address of this script.
function allowed(url) {
  if (!globalThis.trustedTypes) return url;
  return globalThis.trustedTypes.createPolicy("lab-worker", { createScriptURL: (text) => text }).createScriptURL(url);
}
