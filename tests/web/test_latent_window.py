"""Where the window that enlarges a posterior lies in a narrow plane, in Node, on a canvas that keeps its words."""

from tests.web.conftest import Node


def test_a_window_in_a_corner_leaves_the_point_that_it_enlarges_in_sight(node: Node) -> None:
    script = """
    const places = {};
    const answers = {
      fillText: (text, x) => { places[text] = x; },
      measureText: (text) => ({ width: 7 * text.length }),
      createImageData: (width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }),
    };
    const context = new Proxy({}, { get: (set, name) => set[name] ?? answers[name] ?? (() => {}) });
    globalThis.document = { createElement: () => ({ getContext: () => context }) };
    const { drawLatentPlane } = await load("latent_view.js");
    const surface = { context, width: 360, height: 300, textSize: 13, theme: {}, font: "", smallFont: "" };

    // One point at the lower right, where the window usually lies, and one at the upper left.
    const mu = Float32Array.of(2, -1.5, -2, 1.5);
    const begin = { points: new Float32Array(4), coordinate: null, dims: 2, settings: {} };
    const isAtTheLeft = (point) => {
      const posterior = { point, size: 2, extent: [-3, 3, -3, 3], log_density: new Float32Array(4), kl: 0.25 };
      const options = { shows: (name) => name === "posterior", selection: { point }, dims: [0, 1] };
      drawLatentPlane(surface, { begin, frame: { mu, logvar: new Float32Array(4) }, truth: { posterior } }, options);
      return places["KL 0.25"] < surface.width / 2;
    };
    answer([isAtTheLeft(0), isAtTheLeft(1)]);
    """
    assert node(script) == [True, False]
