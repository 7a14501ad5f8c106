/**
 * The kernel: the compiled arithmetic of the lab, and the memory that it works in.
 *
 * WebAssembly fixes every rounding, so what comes from here has the same bits on every device. `Math.exp`, `Math.log`,
 * `Math.sin`, `Math.cos` and `**` need not; where bits must agree, take those of the kernel.
 */

/** What a source of randomness is for; each purpose has a source of its own. */
export const PURPOSES = { initialisation: 0, data: 1, noise: 2, evaluation: 3, evaluation_noise: 4, repair: 5, pictures: 6 };

const BYTES_OF_STATE = 8;
const TWO_TO_32 = 2 ** 32;

/** One instance of the compiled module. */
export class Kernel {
  /**
   * @param {WebAssembly.Module} module
   * @param {WebAssembly.Instance} [instance] by default a new one, which browsers of before 2024 make in workers only
   */
  constructor(module, instance = new WebAssembly.Instance(module, {})) {
    this.module = module;
    this.exports = instance.exports;
    this.exp = this.exports.lab_exp;
    this.log = this.exports.lab_log;
    this.sin = this.exports.lab_sin;
    this.cos = this.exports.lab_cos;
  }

  /** Another instance, with memory of its own. @returns {Kernel} */
  fork() {
    return new Kernel(this.module);
  }

  /**
   * Take memory that is never given back but with the kernel.
   *
   * @param {number} bytes
   * @returns {number} Its address, on a boundary of 16 bytes.
   */
  allocate(bytes) {
    const pointer = this.exports.allocate(bytes);
    if (pointer === 0) {
      throw new RangeError("There is not enough memory for this network. Choose a smaller one.");
    }
    return pointer;
  }

  /** A view of floats. It is lost when memory grows: take a fresh one. @returns {Float32Array} */
  floats(pointer, count) {
    return new Float32Array(this.exports.memory.buffer, pointer, count);
  }

  /** A view of doubles, as {@link Kernel#floats}. @returns {Float64Array} */
  doubles(pointer, count) {
    return new Float64Array(this.exports.memory.buffer, pointer, count);
  }

  /** A view of whole numbers, as {@link Kernel#floats}. @returns {Int32Array} */
  integers(pointer, count) {
    return new Int32Array(this.exports.memory.buffer, pointer, count);
  }

  /**
   * A source of randomness.
   *
   * @param {number} seed A whole number from 0 to 2^53 - 1.
   * @param {keyof PURPOSES} purpose
   * @returns {Generator}
   */
  generator(seed, purpose) {
    return new Generator(this, seed, PURPOSES[purpose]);
  }
}

/** A source of randomness in a kernel's memory. */
export class Generator {
  /**
   * @param {Kernel} kernel
   * @param {number} seed
   * @param {number} purpose
   */
  constructor(kernel, seed, purpose) {
    this.kernel = kernel;
    this.pointer = kernel.allocate(BYTES_OF_STATE);
    kernel.exports.seed_generator(this.pointer, seed % TWO_TO_32, Math.floor(seed / TWO_TO_32), purpose);
  }

  /** A draw from [0, 1). @returns {number} */
  uniform() {
    return this.kernel.exports.draw_uniform(this.pointer);
  }

  /** A draw from N(0, 1). @returns {number} */
  normal() {
    return this.kernel.exports.draw_normal(this.pointer);
  }

  /** A draw from the whole numbers below a bound. @returns {number} */
  below(bound) {
    return this.kernel.exports.draw_below(this.pointer, bound);
  }

  /** Draws from N(0, 1). @returns {Float32Array} */
  normals(count) {
    const scratch = this.kernel.exports.scratch_floats(count);
    this.kernel.exports.draw_normals(this.pointer, scratch, count);
    return this.kernel.floats(scratch, count).slice();
  }

  /** Two halves of its state, from which it can be gone on with. @returns {[number, number]} */
  get state() {
    return [...new Uint32Array(this.kernel.exports.memory.buffer, this.pointer, 2)];
  }

  set state(halves) {
    new Uint32Array(this.kernel.exports.memory.buffer, this.pointer, 2).set(halves);
  }
}

/**
 * Compile the kernel.
 *
 * @param {BufferSource} bytes The file kernel.wasm.
 * @returns {Promise<Kernel>}
 */
export async function loadKernel(bytes) {
  const { module, instance } = await WebAssembly.instantiate(bytes, {});
  return new Kernel(module, instance);
}
