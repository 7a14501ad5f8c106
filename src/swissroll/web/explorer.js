// Decodes the latent under the pointer, in the page, from the decoder that the report carries.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new Float32Array(bytes.buffer);
  };
  const activations = {
    relu: (value) => (value > 0 ? value : 0),
    leaky_relu: (value) => (value > 0 ? value : 0.01 * value),
    elu: (value) => (value > 0 ? value : Math.expm1(value)),
    silu: (value) => value / (1 + Math.exp(-value)),
    // Above 20 the two differ by less than float32 can tell.
    softplus: (value) => (value > 20 ? value : Math.log1p(Math.exp(value))),
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

  // As PyTorch's Linear layers do: weight times inputs plus bias, with an activation between the layers.
  function decodeExactly(latent) {
    let values = latent;
    layers.forEach((layer, index) => {
      const isLast = index === layers.length - 1;
      const outputs = new Float64Array(layer.outputs);
      for (let row = 0; row < layer.outputs; row++) {
        let sum = layer.bias[row];
        for (let column = 0; column < layer.inputs; column++) {
          sum += layer.weight[row * layer.inputs + column] * values[column];
        }
        outputs[row] = isLast ? sum : activate(sum);
      }
      values = outputs;
    });
    return Array.from(values);
  }

  // Bilinear interpolation, for a decoder too large to embed. The first axis varies slowest.
  function decodeFromGrid(first, second) {
    // The cell of the grid that holds a coordinate, and how far into it the coordinate lies, from 0 to 1.
    const place = (coordinate) => {
      const scaled = ((coordinate / data.latentExtent + 1) / 2) * (grid.size - 1);
      const clipped = Math.min(Math.max(scaled, 0), grid.size - 1 - 1e-9);
      const cell = Math.floor(clipped);
      return [cell, clipped - cell];
    };
    const [row, down] = place(first);
    const [column, across] = place(second);

    const decoded = [];
    for (let dim = 0; dim < grid.dim; dim++) {
      const at = (i, j) => grid.values[(i * grid.size + j) * grid.dim + dim];
      const above = (1 - across) * at(row, column) + across * at(row, column + 1);
      const below = (1 - across) * at(row + 1, column) + across * at(row + 1, column + 1);
      decoded.push((1 - down) * above + down * below);
    }
    return decoded;
  }

  // The two coordinates are those of the drawn plane; all other latent coordinates are 0.
  function decode(first, second) {
    if (grid) return decodeFromGrid(first, second);
    const latent = new Float64Array(data.latentDim);
    latent[data.plane[0]] = first;
    if (data.latentDim > 1) latent[data.plane[1]] = second;
    return decodeExactly(latent);
  }

  const latent = document.getElementById("latent-plane");
  const output = document.getElementById("data-plane");
  const readout = document.getElementById("explorer-readout");
  const means = unpack(data.means);
  const points = unpack(data.points);
  const hues = data.hues && unpack(data.hues);
  const ink = () => getComputedStyle(document.body).color;
  let at = [0, 0];

  // Red, green and blue of the coordinate's colours at even places, with straight lines between them.
  const stops = data.colours.coordinate.map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
  const colour = (hue) => {
    const place = hue * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    const mix = (value, channel) => value + (place - first) * (stops[first + 1][channel] - value);
    return `rgb(${stops[first].map(mix).join(" ")})`;
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

  // Points without a coordinate have one colour.
  function dots(surface, values, plain) {
    for (let k = 0; k < values.length / 2; k++) {
      const [x, y] = surface.toPixel([values[2 * k], values[2 * k + 1]]);
      surface.context.fillStyle = hues ? colour(hues[k]) : plain;
      surface.context.beginPath();
      surface.context.arc(x, y, 2, 0, 2 * Math.PI);
      surface.context.fill();
    }
  }

  function cross(surface, point) {
    const [x, y] = surface.toPixel(point);
    const { context } = surface;
    context.strokeStyle = ink();
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
    context.fillStyle = ink();
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    for (const k of [-2, 0, 2]) {
      const [x, y] = surface.toPixel([k, 0]);
      context.fillText(String(k), x, y + 22);
    }
  }

  function rings(surface) {
    surface.context.strokeStyle = data.colours.reference;
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

  // Move the point, decode it, and draw both planes.
  function show(first, second) {
    const limit = (value) => Math.min(Math.max(value, -data.latentExtent), data.latentExtent);
    at = [limit(first), data.latentDim > 1 ? limit(second) : 0];
    const x = decode(...at);

    const left = plane(latent, data.latentExtent);
    rings(left);
    dots(left, means, data.colours.posterior);
    cross(left, at);

    const right = plane(output, data.dataExtent);
    dots(right, points, data.colours.data);
    // As in the pictures, the first and the last coordinate.
    cross(right, [x[0], x.length > 1 ? x[x.length - 1] : 0]);

    // On a narrow page a line breaks between z and x, and not within either: their spaces are non-breaking.
    const text = (name, values) => `${name} = (${values.map((value) => value.toFixed(3)).join(", ")})`.replaceAll(" ", "\u00a0");
    const z = data.latentDim > 1 ? at : [at[0]];
    readout.textContent = `${text("z", z)}   decodes to   ${text("x", x)}`;
    readout.dataset.z = JSON.stringify(at);
    readout.dataset.x = JSON.stringify(x);
  }

  // A mouse moves over the plane; a finger may only tap it, which moves nothing.
  const follow = (event) => {
    const box = latent.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * 2 - 1;
    const up = 1 - ((event.clientY - box.top) / box.height) * 2;
    show(across * data.latentExtent, up * data.latentExtent);
  };
  latent.addEventListener("pointermove", follow);
  latent.addEventListener("pointerdown", follow);
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
