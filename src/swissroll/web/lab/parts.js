// What the assembled page carries: its script, which workers run too, the kernel, and what it begins with. Where lab.html
// is opened as it is, from a server, these lie beside it.

let address = null;

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
  if (!text) return (await fetch("kernel.wasm")).arrayBuffer();

  const stream = new Blob([bytesFromBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/**
 * @returns {?Object} What the page is to begin with: {settings}, and of a recorded run {name, snapshots: [{step,
 *   tensors}], history} too; null for the page's own choice.
 */
export function givenStart() {
  const text = read("given");
  return text ? unpackStart(JSON.parse(text)) : null;
}

/**
 * @param {Object} packed What `swissroll.report.lab_start` writes.
 * @returns {Object} As {@link givenStart}
 */
export function unpackStart({ layout, snapshots, history, ...rest }) {
  if (!snapshots) return rest;
  const rows = Object.entries(history).map(([name, column]) => [name, column.map((value) => value ?? NaN)]);
  return {
    ...rest,
    snapshots: snapshots.map((snapshot) => ({ step: snapshot.step, tensors: unpackTensors(layout, snapshot) })),
    history: Object.fromEntries(rows),
  };
}

/** Weights by name, of one text of all of them. Those of 16 bits are multiples of a scale for each row. */
function unpackTensors(layout, { kind, weights, scales }) {
  const Numbers = kind === "int16" ? Int16Array : Float32Array;
  const numbers = new Numbers(bytesFromBase64(weights).buffer);
  const scaleOfRow = kind === "int16" ? new Float32Array(bytesFromBase64(scales).buffer) : null;

  let place = 0;
  let row = 0;
  const tensors = layout.map(({ name, shape }) => {
    const size = shape.reduce((product, side) => product * side, 1);
    const values = Float32Array.from(numbers.subarray(place, place + size));
    place += size;
    if (scaleOfRow) {
      const rows = shape.length > 1 ? shape[0] : 1;
      const first = row;
      values.forEach((value, index) => {
        values[index] = value * scaleOfRow[first + Math.floor((index * rows) / size)];
      });
      row += rows;
    }
    return [name, { shape, values }];
  });
  return Object.fromEntries(tensors);
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
