// The safetensors format: the length of a JSON head in 8 bytes, the head, then the numbers. Nothing in it runs on load.

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;

/**
 * @param {Object<string, {shape: number[], values: Float32Array}>} tensors by name; values row by row
 * @param {Object<string, string>} [metadata]
 * @returns {Uint8Array} the file
 * @throws {RangeError} where values do not fill a shape
 */
export function writeSafetensors(tensors, metadata = {}) {
  const head = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const size = shape.reduce((product, side) => product * side, 1);
    if (size !== values.length) throw new RangeError(`${name}: ${values.length} values do not fill ${shape}.`);
    head[name] = { dtype: "F32", shape, data_offsets: [end, end + 4 * size] };
    end += 4 * size;
  }

  // Spaces behind the head bring the numbers to a multiple of 8 bytes.
  const text = JSON.stringify(head);
  const bytes = new TextEncoder().encode(text);
  const padded = Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(LENGTH_BYTES + padded + end).fill(0x20, LENGTH_BYTES, LENGTH_BYTES + padded);
  const view = new DataView(file.buffer);
  view.setBigUint64(0, BigInt(padded), true);
  file.set(bytes, LENGTH_BYTES);

  let place = LENGTH_BYTES + padded;
  for (const { values } of Object.values(tensors)) {
    for (const value of values) {
      view.setFloat32(place, value, true);
      place += 4;
    }
  }
  return file;
}
