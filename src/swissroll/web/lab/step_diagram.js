// A drawing of one training step: what goes forward, where the noise comes in, and where gradients come back.

import { letKeysScroll } from "./scrolling.js";
import { write } from "./toggles.js";

const SVG = "http://www.w3.org/2000/svg";

/** What stands where: [name, x, y, width, height, label]; a box with a slanted side is a network. */
const BOXES = [
  ["x", 2, 74, 72, 46, "x"],
  ["mu", 138, 46, 80, 42, "μ"],
  ["std", 138, 106, 80, 42, "σ"],
  ["eps", 245, 6, 76, 38, "ε"],
  ["z", 246, 74, 74, 46, "z"],
  ["decoded", 390, 74, 76, 46, "x̂"],
  ["rate", 132, 180, 94, 40, "rate"],
  ["loss", 256, 180, 74, 40, "loss"],
  ["distortion", 372, 180, 94, 40, "distortion"],
];
const NETWORKS = [
  ["encoder", "M82 66l42 14v34l-42 14z", 103, 100, "encoder"],
  ["decoder", "M334 80l42 -14v62l-42 -14z", 355, 100, "decoder"],
];
/** Arrows by name: forward along the path, and back against it. */
const ARROWS = [
  ["x-encoder", "M74 97H80"],
  ["encoder-mu", "M124 90L136 74"],
  ["encoder-std", "M124 106L136 120"],
  ["mu-z", "M218 72L244 88"],
  ["std-z", "M218 122L244 106"],
  ["eps-z", "M283 44V72"],
  ["z-decoder", "M320 97H332"],
  ["decoder-decoded", "M376 97H388"],
  ["decoded-distortion", "M428 120V178"],
  ["std-rate", "M179 148V178"],
  ["mu-rate", "M150 88C134 110 134 150 148 178"],
  ["rate-loss", "M226 200H254"],
  ["distortion-loss", "M372 200H332"],
];

function draw(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}

/** The drawing; its parts are lit, told their numbers, and cut off from one another. */
export class StepDiagram {
  /** @param {HTMLElement} host */
  constructor(host) {
    const svg = draw("svg", { viewBox: "0 0 472 228", class: "step-diagram", "aria-hidden": "true" }, host);
    this.host = host;
    this.svg = svg;
    const defs = draw("defs", {}, svg);
    for (const [id, path] of [
      ["arrow-forward", "M0 0L7 3.5L0 7z"],
      ["arrow-back", "M7 0L0 3.5L7 7z"],
    ]) {
      const refX = id === "arrow-back" ? 1 : 6;
      const size = { markerWidth: 7, markerHeight: 7, refX, refY: 3.5, orient: "auto", markerUnits: "userSpaceOnUse" };
      draw("path", { d: path, fill: "context-stroke" }, draw("marker", { id, ...size }, defs));
    }

    this.parts = new Map();
    for (const [name, d] of ARROWS) this.parts.set(name, draw("path", { d, class: "arrow" }, svg));
    for (const [name, d, x, y, label] of NETWORKS) {
      const group = draw("g", { class: `node of-${name}` }, svg);
      draw("path", { d }, group);
      draw("text", { x, y, class: "label small" }, group).textContent = label;
      this.parts.set(name, group);
    }
    this.numbers = new Map();
    for (const [name, x, y, width, height, label] of BOXES) {
      const group = draw("g", { class: `node of-${name}` }, svg);
      draw("rect", { x, y, width, height, rx: name === "eps" ? height / 2 : 5 }, group);
      draw("text", { x: x + width / 2, y: y + 15, class: "label" }, group).textContent = label;
      this.numbers.set(name, draw("text", { x: x + width / 2, y: y + 31, class: "value" }, group));
      this.parts.set(name, group);
    }
    this.cut = draw("g", { class: "cut" }, svg);
    for (const d of ["M224 70l10 14m0 -14l-10 14", "M224 110l10 14m0 -14l-10 14"]) draw("path", { d }, this.cut);
    letKeysScroll(host);
  }

  /**
   * Show a moment of the step.
   * @param {{lit: string[], back: string[], cut: boolean, numbers: Record<string, string>}} moment
   *   which parts are lit, along which arrows gradients come back, whether the way to the encoder is cut, and what the
   *   boxes say
   */
  show({ lit, back, cut, numbers }) {
    for (const [name, part] of this.parts) {
      part.classList.toggle("lit", lit.includes(name) || back.includes(name));
      part.classList.toggle("back", back.includes(name));
    }
    this.cut.classList.toggle("lit", cut);
    for (const [name, element] of this.numbers) write(element, numbers[name] ?? "");
    this.#reveal();
  }

  /** On a phone the drawing is wider than its host: bring what is lit into sight. */
  #reveal() {
    if (this.host.scrollWidth <= this.host.clientWidth) return;
    const left = this.svg.getBoundingClientRect().left;
    const middles = [...this.svg.querySelectorAll(".node.lit")].map((node) => {
      const box = node.getBoundingClientRect();
      return (box.left + box.right) / 2 - left;
    });
    const middle = (Math.min(...middles) + Math.max(...middles)) / 2;
    this.host.scrollLeft = middle - this.host.clientWidth / 2;
  }
}
