// Decodes the latent under the pointer, in the page, from the decoder that the report carries.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  };
  const activations = {
    relu: (v) => (v > 0 ? v : 0),
    leaky_relu: (v) => (v > 0 ? v : 0.01 * v),
    elu: (v) => (v > 0 ? v : Math.expm1(v)),
    silu: (v) => v / (1 + Math.exp(-v)),
    softplus: (v) => (v > 20 ? v : Math.log1p(Math.exp(v))),
    tanh: Math.tanh,
  };
  const activate = activations[data.activation];
  const layers = (data.layers || []).map((layer) => ({
    inputs: layer.in,
    outputs: layer.out,
    weight: unpack(layer.weight),
    bias: unpack(layer.bias),
  }));
  const grid = data.grid && { ...data.grid, values: unpack(data.grid.values) };

  function decodeExactly(z) {
    let h = z;
    layers.forEach((layer, index) => {
      const out = new Float64Array(layer.outputs);
      for (let row = 0; row < layer.outputs; row++) {
        let sum = layer.bias[row];
        for (let k = 0; k < layer.inputs; k++) sum += layer.weight[row * layer.inputs + k] * h[k];
        out[row] = index < layers.length - 1 ? activate(sum) : sum;
      }
      h = out;
    });
    return Array.from(h);
  }

  // Bilinear interpolation, for a decoder too large to embed. The first axis varies slowest.
  function decodeFromGrid(a, b) {
    const place = (v) => {
      const scaled = ((v / data.latentExtent + 1) / 2) * (grid.size - 1);
      const clipped = Math.min(Math.max(scaled, 0), grid.size - 1 - 1e-9);
      return [Math.floor(clipped), clipped - Math.floor(clipped)];
    };
    const [i, u] = place(a);
    const [j, v] = place(b);
    const at = (row, column, d) => grid.values[(row * grid.size + column) * grid.dim + d];
    return Array.from({ length: grid.dim }, (_, d) =>
      (1 - u) * ((1 - v) * at(i, j, d) + v * at(i, j + 1, d)) + u * ((1 - v) * at(i + 1, j, d) + v * at(i + 1, j + 1, d)));
  }

  // a and b are coordinates in the plane that is drawn; the other latent coordinates are 0.
  function decode(a, b) {
    if (grid) return decodeFromGrid(a, b);
    const z = new Float64Array(data.latentDim);
    z[data.plane[0]] = a;
    if (data.latentDim > 1) z[data.plane[1]] = b;
    return decodeExactly(z);
  }

  const latent = document.getElementById("latent-plane");
  const output = document.getElementById("data-plane");
  const readout = document.getElementById("explorer-readout");
  const means = unpack(data.means);
  const points = unpack(data.points);
  const hues = data.hues && unpack(data.hues);
  let at = [0, 0];

  // Points without a coordinate have one colour.
  const BLUE = "#0072b2";
  // The viridis colour map at five places, and straight lines between them.
  const viridis = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const colour = (t) => {
    const k = Math.min(Math.floor(4 * t), 3);
    return `rgb(${viridis[k].map((v, i) => v + (4 * t - k) * (viridis[k + 1][i] - v)).join(" ")})`;
  };

  function plane(canvas, extent) {
    const ratio = window.devicePixelRatio || 1;
    const side = canvas.clientWidth;
    canvas.width = canvas.height = Math.round(side * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const toPixel = ([x, y]) => [((x / extent + 1) / 2) * side, ((1 - y / extent) / 2) * side];
    return { context, toPixel, unit: side / (2 * extent) };
  }

  function dots(surface, values) {
    for (let k = 0; k < values.length / 2; k++) {
      const [x, y] = surface.toPixel([values[2 * k], values[2 * k + 1]]);
      surface.context.fillStyle = hues ? colour(hues[k]) : BLUE;
      surface.context.beginPath();
      surface.context.arc(x, y, 2, 0, 2 * Math.PI);
      surface.context.fill();
    }
  }

  function cross(surface, point) {
    const [x, y] = surface.toPixel(point);
    const { context } = surface;
    context.strokeStyle = getComputedStyle(document.body).color;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.moveTo(x - 12, y);
    context.lineTo(x + 12, y);
    context.moveTo(x, y - 12);
    context.lineTo(x, y + 12);
    context.stroke();
  }

  // A single latent is a line, with ticks at whole numbers.
  function axis(surface) {
    const { context } = surface;
    const reach = data.latentExtent;
    context.beginPath();
    context.moveTo(...surface.toPixel([-reach, 0]));
    context.lineTo(...surface.toPixel([reach, 0]));
    for (let k = Math.ceil(-reach); k <= reach; k++) {
      const [x, y] = surface.toPixel([k, 0]);
      context.moveTo(x, y - 6);
      context.lineTo(x, y + 6);
    }
    context.stroke();
    context.fillStyle = "#808080";
    context.textAlign = "center";
    for (const k of [-2, 0, 2]) {
      const [x, y] = surface.toPixel([k, 0]);
      context.fillText(String(k), x, y + 22);
    }
  }

  function rings(surface) {
    surface.context.strokeStyle = "#808080";
    surface.context.lineWidth = 1;
    surface.context.setLineDash([4, 4]);
    for (const radius of data.latentDim > 1 ? [1, 2, 3] : []) {
      surface.context.beginPath();
      surface.context.arc(...surface.toPixel([0, 0]), radius * surface.unit, 0, 2 * Math.PI);
      surface.context.stroke();
    }
    surface.context.setLineDash([]);
    if (data.latentDim === 1) axis(surface);
  }

  function show(a, b) {
    const limit = (v) => Math.min(Math.max(v, -data.latentExtent), data.latentExtent);
    at = [limit(a), data.latentDim > 1 ? limit(b) : 0];
    const x = decode(...at);
    const left = plane(latent, data.latentExtent);
    rings(left);
    dots(left, means);
    cross(left, at);
    const right = plane(output, data.dataExtent);
    dots(right, points);
    cross(right, [x[0], x.length > 1 ? x[x.length - 1] : 0]);
    const text = (values) => values.map((v) => v.toFixed(3)).join(", ");
    readout.textContent = `z = (${text(data.latentDim > 1 ? at : [at[0]])})   decodes to   x = (${text(x)})`;
    readout.dataset.z = JSON.stringify(at);
    readout.dataset.x = JSON.stringify(x);
  }

  latent.addEventListener("pointermove", (event) => {
    const box = latent.getBoundingClientRect();
    const a = ((event.clientX - box.left) / box.width) * 2 - 1;
    const b = 1 - ((event.clientY - box.top) / box.height) * 2;
    show(a * data.latentExtent, b * data.latentExtent);
  });
  latent.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    show(at[0] + 0.1 * move[0], at[1] + 0.1 * move[1]);
  });
  window.addEventListener("resize", () => show(...at));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(...at));
  show(0, 0);
})();
