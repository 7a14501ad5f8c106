// Elements of the page, made without markup: text stays text.

/**
 * @param {string} tag
 * @param {Object} [properties] of the element; `role` and those with a dash become attributes
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElement}
 */
export function make(tag, properties = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}
