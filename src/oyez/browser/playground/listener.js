/* A listener: one link, shown. */

import { ask } from "./daemon.js";
import { DOORS } from "./doors.js";
import { explain } from "./durations.js";
import { find, grows, make, spaced } from "./elements.js";
import { Link } from "./link.js";
import { Paste } from "./paste.js";

const ROWS = 100;
const SHOWN_CHARACTERS = 2000;

export class Listener {
  constructor(door, channels, opened) {
    const root = this.root = find("#listener").content.cloneNode(true).firstElementChild;
    this.number = ++Listener.count;
    this.list = find("ol", root);
    this.input = find(".filter textarea", root);
    this.toggle = find(".cut", root);
    this.doors = find("select", root);
    this.fresh = [];
    this.events = this.gaps = this.repeats = this.newest = 0;
    this.name(door);
    this.input.value = channels.join(", ");
    this.link = new Link(door, channels, opened, {
      state: (name, text) => this.showState(name, text),
      problem: (text, lacking) => this.showProblem(text, lacking),
      event: (data, replayed) => this.add(data, replayed),
      gap: (data) => this.addGap(data),
      revoked: (data) => this.addRevoked(data),
    });
    this.paste = new Paste(find(".paste", root), `listener ${this.number}`, () => [this.doors.value, this.link.channels, this.link.last]);
    grows(this.input);
    find("form", root).onsubmit = (event) => { event.preventDefault(); this.follow(); };
    find(".grant button", root).onclick = () => this.addGrant();
    find(".remove", root).onclick = () => { this.link.end(); root.remove(); };
    this.doors.onchange = () => { this.link.use(this.doors.value); this.paste.show(); };
    this.toggle.onclick = () => this.link.isCut ? this.link.open() : this.link.cut();
    this.count();
    this.link.open();
  }

  /* Who sees only one part of the card has to know which listener it is of. */
  name(door) {
    const root = this.root;
    this.input.id = `filter-${this.number}`;
    find("label", root).htmlFor = this.input.id;
    this.doors.append(...[...DOORS.keys()].map((name) => make("option", "", name)));
    this.doors.value = door;
    this.doors.setAttribute("aria-label", `Door of listener ${this.number}`);
    this.list.setAttribute("aria-label", `Events of listener ${this.number}`);
    root.setAttribute("aria-label", `Listener ${this.number}`);
    find(".remove", root).setAttribute("aria-label", `Remove listener ${this.number}`);
    this.list.append(make("li", "empty", "Nothing yet."));
  }

  /* Return the names in the field. */
  wanted() {
    return [...new Set(this.input.value.split(/[,\n]/).map((name) => name.trim()).filter(Boolean))];
  }

  follow() {
    this.link.follow(this.wanted());
    this.paste.show();
  }

  /* Ask the daemon for a grant for the channel that lacks one, put its name in place of the channel's, and follow. */
  async addGrant() {
    const lacking = this.lacking;
    try {
      const {channel} = await ask("api/grant", {method: "POST", body: JSON.stringify({channel: lacking})});
      const isOf = (name) => name === lacking || name.startsWith(`${lacking}!`);
      this.input.value = this.wanted().map((name) => isOf(name) ? channel : name).join(", ");
      this.input.dispatchEvent(new Event("input"));
      this.showProblem("");
      this.follow();
    } catch (error) {
      this.showProblem(error.message, lacking);
    }
  }

  showState(name, text) {
    const state = find(".state", this.root);
    state.dataset.state = name;
    state.textContent = text;
    this.toggle.textContent = name === "cut" ? "Mend link" : "Cut link";
  }

  showProblem(text, lacking = null) {
    this.lacking = lacking;
    find(".grant", this.root).hidden = !lacking;
    find(".grant code", this.root).textContent = `oyez grant ${lacking}`;
    const problem = find(".problem", this.root);
    problem.textContent = text;
    problem.hidden = !text;
  }

  add(data, replayed) {
    this.events++;
    if (data.id <= this.newest && !replayed) this.repeats++;
    this.newest = Math.max(this.newest, data.id);
    this.show(() => eventRow(data, replayed), {at: performance.now(), time: new Date()});
  }

  addGap({channel, from, oldest}) {
    this.gaps++;
    const missing = oldest ? `events after ${from} and before ${oldest}` : "events";
    const text = `Gap in ${channel}: ${missing} may be missing. A page would load anew.`;
    this.show(() => make("li", "gap", text), null);
  }

  addRevoked({channel, reason}) {
    const text = `The grant for ${channel} ${reason === "expired" ? "has expired" : "was revoked"}: nothing more of it comes.`;
    this.show(() => make("li", "gap", text), null);
    this.showProblem(text, channel);
  }

  /* Collect what arrives and draw it once a frame; a hidden page draws nothing and keeps no more than it would show. */
  show(draw, arrival) {
    this.fresh.push([draw, arrival]);
    if (this.fresh.length > ROWS) this.fresh.shift();
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      const empty = find(".empty", this.list);
      if (empty) empty.remove();
      for (const [draw, arrival] of this.fresh.splice(0)) {
        const row = draw();
        if (arrival) explain(row, arrival);
        this.list.prepend(row);
      }
      while (this.list.children.length > ROWS) this.list.lastElementChild.remove();
      this.count();
      this.paste.show();
    });
  }

  count() {
    const parts = [counted(this.events, "event"), counted(this.gaps, "gap")];
    if (this.repeats) parts.push(`${this.repeats} out of order`);
    find(".counts", this.root).textContent = parts.join(" · ");
  }
}
Listener.count = 0;

const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

function eventRow(data, replayed) {
  const row = make("li", "", "");
  const [head, times] = [make("div", "head", ""), make("div", "head", "")];
  head.append(make("span", "channel", data.channel));
  head.append(make("span", replayed ? "took late" : "took", replayed ? "replayed" : ""));
  times.append(make("time", "", ""), make("span", "id", `id ${data.id}`));
  row.append(head, times, make("code", "", "message" in data ? shortened(spaced(data.message)) : "no message"));
  row.dataset.id = data.id;
  return row;
}

const shortened = (text) => text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)} …` : text;
