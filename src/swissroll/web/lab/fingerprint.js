/**
 * Fingerprint of weights: two runs end in the same one where they have the same bits.
 *
 * @param {import("./kernel.js").Kernel} kernel
 * @param {Record<string, {values: Float32Array}>} named Tensors by PyTorch's names, in PyTorch's order.
 * @returns {string} SHA-256, in hexadecimal digits, of the weights as float32, little-endian, in PyTorch's order.
 */
export function fingerprint(kernel, named) {
  const { exports } = kernel;
  const tensors = Object.values(named);
  const count = tensors.reduce((sum, { values }) => sum + values.length, 0);
  const words = 8;
  const pointer = exports.scratch_floats(count + words);
  const floats = kernel.floats(pointer, count);
  let at = 0;
  for (const { values } of tensors) {
    floats.set(values, at);
    at += values.length;
  }

  const hashed = pointer + 4 * count;
  exports.sha256(pointer, 4 * count, hashed);
  const digits = Array.from(kernel.integers(hashed, words), (word) => (word >>> 0).toString(16).padStart(8, "0"));
  return digits.join("");
}
