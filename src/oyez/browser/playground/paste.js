/* The part of a listener's card that shows the lines to paste. */

import { find, make } from "./elements.js";
import { PLACES, linesFor } from "./lines.js";

const COPIED_MS = 2000;

export class Paste {
  /* `asked()` returns the door, the channels and the newest id of the listener at this moment. */
  constructor(root, name, asked) {
    this.root = root;
    this.asked = asked;
    this.code = find("pre", root);
    this.code.setAttribute("aria-label", `Lines that listen as ${name} does`);
    this.choices = PLACES.map((place) => this.choice(place));
    this.place = PLACES[0];
    find(".places", root).append(...this.choices);
    find(".copy", root).onclick = ({target}) => this.copy(target);
    root.ontoggle = () => this.show();
  }

  choice(place) {
    const button = make("button", "", place);
    button.type = "button";
    button.onclick = () => {
      this.place = place;
      this.show();
    };
    return button;
  }

  /* Write the lines anew, if they are to be seen. */
  show() {
    if (!this.root.open) return;
    const [lines, remark] = linesFor(...this.asked(), this.place);
    for (const button of this.choices) button.setAttribute("aria-pressed", button.textContent === this.place);
    if (this.code.textContent !== lines) this.code.textContent = lines;
    find(".remark", this.root).textContent = remark;
  }

  async copy(button) {
    try {
      await navigator.clipboard.writeText(this.code.textContent);
    } catch {
      this.select();                                     // a page without TLS and of another machine has no clipboard
      if (!document.execCommand("copy")) return;         // it is selected, and can be copied by hand
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS);
  }

  select() {
    getSelection().selectAllChildren(this.code);
  }
}
