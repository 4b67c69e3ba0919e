/* Short names for what is done with the page's elements all the time. */

export const find = (selector, within = document) => within.querySelector(selector);

export function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/* Write JSON in one line that may be broken at its commas. */
export const spaced = (value) => JSON.stringify(value, null, 1).replace(/,\n */g, ", ").replace(/\n */g, "");
