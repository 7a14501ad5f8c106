// Text to the clipboard, files to the reader's disk.

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it is in the clipboard
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard in a frame or on plain http: the older way.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}

/**
 * @param {string} name
 * @param {Blob} content
 */
export function saveFile(name, content) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // The browser reads it after this call.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * A panel as a picture: its canvases one over the other, on paper.
 * @param {HTMLElement} panel
 * @returns {Promise<?Blob>} a PNG; null where the panel has no canvas yet
 */
export function drawPanel(panel) {
  const canvases = [...panel.querySelectorAll("canvas")].filter((canvas) => canvas.width > 0 && canvas.height > 0);
  if (canvases.length === 0) return Promise.resolve(null);

  const ratio = canvases[0].width / canvases[0].getBoundingClientRect().width;
  const box = canvases.map((canvas) => canvas.getBoundingClientRect());
  const left = Math.min(...box.map((side) => side.left));
  const top = Math.min(...box.map((side) => side.top));
  const picture = document.createElement("canvas");
  picture.width = Math.ceil((Math.max(...box.map((side) => side.right)) - left) * ratio);
  picture.height = Math.ceil((Math.max(...box.map((side) => side.bottom)) - top) * ratio);

  const surface = picture.getContext("2d");
  surface.fillStyle = getComputedStyle(panel).backgroundColor;
  surface.fillRect(0, 0, picture.width, picture.height);
  canvases.forEach((canvas, index) => {
    const { x, y, width, height } = box[index];
    surface.drawImage(canvas, (x - left) * ratio, (y - top) * ratio, width * ratio, height * ratio);
  });
  return new Promise((resolve) => picture.toBlob(resolve, "image/png"));
}
