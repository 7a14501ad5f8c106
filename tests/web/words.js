// Watches what a page writes on its canvases, and finds words that run together or are cut off.
(() => {
  const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
  const written = new WeakMap();
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    written.set(this.canvas, []);
    return clearRect.apply(this, box);
  };
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
    const size = this.measureText(text);
    const words = written.get(this.canvas) ?? [];
    words.push({
      text,
      left: x - size.actualBoundingBoxLeft,
      right: x + size.actualBoundingBoxRight,
      top: y - size.actualBoundingBoxAscent,
      bottom: y + size.actualBoundingBoxDescent,
    });
    written.set(this.canvas, words);
    return fillText.call(this, text, x, y);
  };

  /** Words on one canvas. What lies outside of it as a whole, as a mark may, is not seen. */
  const onCanvas = (canvas) => {
    const { width, height } = canvas.getBoundingClientRect();
    const isSeen = ({ left, right, top, bottom }) => right > 0 && bottom > 0 && left < width && top < height;
    return (written.get(canvas) ?? []).filter(isSeen).map((word) => ({ ...word, isCut: word.left < -1 || word.right > width + 1 }));
  };

  /** What is seen of an element in those that clip it. */
  const windowOf = (element) => {
    const seen = { left: 0, right: Infinity, top: -Infinity, bottom: Infinity };
    for (let outer = element; outer; outer = outer.parentElement) {
      const { overflowX, overflowY } = getComputedStyle(outer);
      const box = outer.getBoundingClientRect();
      if (overflowX !== "visible") Object.assign(seen, { left: Math.max(seen.left, box.left), right: Math.min(seen.right, box.right) });
      if (overflowY !== "visible") Object.assign(seen, { top: Math.max(seen.top, box.top), bottom: Math.min(seen.bottom, box.bottom) });
    }
    return seen;
  };

  /** Lines of text in an element, those for screen readers left out. */
  const onPage = (root) => {
    const found = [];
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || !parent.checkVisibility() || parent.closest(".unseen, .description, option")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      const clip = windowOf(parent);
      for (const { left, right, top, bottom } of range.getClientRects()) {
        const isSeen = right > clip.left && left < clip.right && bottom > clip.top && top < clip.bottom;
        // What scrolls across may be cut; it is reached by scrolling.
        const isCut = right > clip.right + 1 && !parent.closest(".toggles, #tabs, .diagram");
        if (isSeen) found.push({ text: node.data.trim(), node, left, right: Math.min(right, clip.right), top: Math.max(top, clip.top), bottom: Math.min(bottom, clip.bottom), isCut });
      }
    }
    return found;
  };

  /** Whether two words overlap, or have no more than so many pixels between them on a line. */
  const clash = (one, other, gap) =>
    !(one.node && one.node === other.node) &&
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > -gap &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4;

  globalThis.clashes = () => {
    const canvases = [...document.querySelectorAll("canvas")].filter((canvas) => canvas.checkVisibility());
    // A canvas has no spaces between its words; words of the page may touch, as those of a sentence do.
    const groups = canvases.map((canvas) => ({ words: onCanvas(canvas), gap: 4 }));
    for (const id of ["#bar", "#notes", "#main", "#foot"]) groups.push({ words: onPage(document.querySelector(id)), gap: -1 });
    return groups.flatMap(({ words, gap }) =>
      words.flatMap((one, place) => [
        ...(one.isCut ? [`${one.text} is cut off`] : []),
        ...words.slice(place + 1).filter((other) => clash(one, other, gap)).map((other) => `${one.text} | ${other.text}`),
      ]),
    );
  };
})();
