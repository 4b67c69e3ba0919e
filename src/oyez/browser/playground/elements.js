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

/* Let a field be as high as its text, so that nothing of a name is hidden, and have Enter send its form, as in one line. */
export function grows(field) {
  const fit = () => {
    field.style.height = "0";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  };
  field.addEventListener("input", fit);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    field.form.requestSubmit();
  });
  new ResizeObserver(fit).observe(field.form);           // its width, and the moment when it is first shown
}
