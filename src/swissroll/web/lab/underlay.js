// What lies under the marks of a picture and changes seldom: axes, rings of a prior, a density with its contours. It is drawn
// once and put down at each frame: a browser without a graphics processor takes milliseconds over some hundred lines.

/** @type {WeakMap<HTMLCanvasElement, {canvas: HTMLCanvasElement, contents: any[]}>} */
const underlays = new WeakMap();

/**
 * Put down a picture, which is drawn anew only where something that decides it has changed.
 * @param {import("./canvas.js").Surface} surface that has begun; each has one such picture
 * @param {any[]} contents what decides the picture, beside the surface itself: compared one by one
 * @param {(surface: import("./canvas.js").Surface) => void} draw onto the surface that it is given
 */
export function drawUnderlay(surface, contents, draw) {
  const { context } = surface;
  const { width, height } = context.canvas;
  if (!width || !height) return;

  const known = underlays.get(context.canvas) ?? { canvas: document.createElement("canvas"), contents: [] };
  underlays.set(context.canvas, known);
  const transform = context.getTransform();
  const { a, d, e, f } = transform;
  const all = [width, height, a, d, e, f, surface.textSize, ...Object.values(surface.theme), ...contents];
  if (all.length !== known.contents.length || all.some((value, k) => value !== known.contents[k])) {
    known.contents = all;
    // A new size also clears it.
    Object.assign(known.canvas, { width, height });
    const under = known.canvas.getContext("2d");
    under.setTransform(transform);
    draw(Object.create(surface, { context: { value: under } }));
  }

  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.drawImage(known.canvas, 0, 0);
  context.restore();
}
