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

/** @returns {?Object} What the page is to begin with: {settings, ...}; null for its own choice. */
export function givenStart() {
  const text = read("given");
  return text ? JSON.parse(text) : null;
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
