// Points drawn by hand: a stroke of pen, finger or mouse, or dots set with the keyboard.

import { make } from "./elements.js";
import { MAX_POINTS } from "./settings.js";

/** Distance of two points of a stroke, in parts of half the canvas. */
const STROKE_STEP = 0.012;
/** How far an arrow key moves the pen, in the same parts. */
const KEY_STEP = 0.05;
const SIDE = 320;

/**
 * The points of a stroke from one place to another, the first left out.
 * @param {number[]} from
 * @param {number[]} to
 * @returns {number[]} x and y, point after point
 */
export function strokePoints(from, to) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const count = Math.floor(length / STROKE_STEP);
  const points = [];
  for (let index = 1; index <= count; index += 1) {
    const share = index / count;
    points.push(from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1]));
  }
  return points;
}

/**
 * @param {(points: {dims: number, values: Float64Array}, name: string) => void} train
 * @param {(text: string, isWrong?: boolean) => void} say
 * @returns {HTMLElement}
 */
export function mountDrawing(train, say) {
  const canvas = make("canvas", {
    className: "drawing",
    width: 2 * SIDE,
    height: 2 * SIDE,
    tabIndex: 0,
    role: "application",
    "aria-label": "Drawing plane. Drag to draw. With the keyboard: arrow keys move the pen, Enter sets a point.",
  });
  const clear = make("button", { type: "button", textContent: "Clear" });
  const start = make("button", { type: "button", textContent: "Train on this drawing" });
  const points = [];
  let pen = [0, 0];
  let last = null;

  const redraw = () => draw(canvas, points, canvas.matches(":focus-visible") ? pen : null);
  const add = (coordinates) => {
    const room = 2 * MAX_POINTS - points.length;
    points.push(...coordinates.slice(0, room));
    if (coordinates.length > room) say(`A drawing has at most ${MAX_POINTS} points.`, true);
    redraw();
  };
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    const bound = (value) => Math.min(Math.max(value, -1), 1);
    const across = (2 * (event.clientX - box.left)) / box.width - 1;
    const up = 1 - (2 * (event.clientY - box.top)) / box.height;
    return [bound(across), bound(up)];
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = placeOf(event);
    add(last);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    const place = placeOf(event);
    const stroke = strokePoints(last, place);
    if (stroke.length === 0) return;
    last = place;
    add(stroke);
  });
  for (const type of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(type, () => {
      last = null;
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === "Enter" || event.key === " ") add(pen);
    else if (moves[event.key]) {
      pen = pen.map((value, axis) => Math.min(Math.max(value + KEY_STEP * moves[event.key][axis], -1), 1));
      canvas.setAttribute("aria-description", `Pen at ${pen.map((value) => value.toFixed(2)).join(", ")}.`);
      redraw();
    } else return;
    // The page's own keys, such as the space that plays, wait until the pen is left.
    event.preventDefault();
    event.stopPropagation();
  });
  for (const type of ["focus", "blur"]) canvas.addEventListener(type, redraw);

  clear.addEventListener("click", () => {
    points.length = 0;
    redraw();
    say("The drawing is empty.");
  });
  start.addEventListener("click", () => {
    if (points.length < 6) say("Draw a line or at least three points first.", true);
    else train({ dims: 2, values: Float64Array.from(points) }, "your drawing");
  });

  // The page's colours are known once the canvas is in it.
  requestAnimationFrame(redraw);
  const words = "Drag with the mouse or a finger. By keyboard: arrow keys move a square, Enter sets a point.";
  const beside = make("div", {}, [make("p", { className: "quiet", textContent: words }), make("p", {}, [start, " ", clear])]);
  return make("fieldset", { className: "own" }, [
    make("legend", { textContent: "Draw" }),
    make("div", { className: "draw" }, [canvas, beside]),
  ]);
}

function draw(canvas, points, pen) {
  const surface = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const colour = (name) => style.getPropertyValue(name) || "#808080";
  const across = (value) => (1 + value) * SIDE;
  const down = (value) => (1 - value) * SIDE;
  surface.clearRect(0, 0, 2 * SIDE, 2 * SIDE);

  surface.strokeStyle = colour("--line");
  surface.lineWidth = 3;
  surface.beginPath();
  surface.moveTo(SIDE, 0);
  surface.lineTo(SIDE, 2 * SIDE);
  surface.moveTo(0, SIDE);
  surface.lineTo(2 * SIDE, SIDE);
  surface.stroke();

  surface.fillStyle = colour("--data");
  for (let index = 0; index < points.length; index += 2) {
    surface.fillRect(across(points[index]) - 4, down(points[index + 1]) - 4, 8, 8);
  }
  if (pen) {
    surface.strokeStyle = colour("--ink");
    surface.lineWidth = 4;
    surface.strokeRect(across(pen[0]) - 10, down(pen[1]) - 10, 20, 20);
  }
}
