/* The link of one listener: one subscription, through one door after the other. */

import { askNewest } from "./daemon.js";
import { DOORS } from "./doors.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10000;

/* `on` has: state(name, text), problem(text, lacking), event(data, replayed), gap(data), revoked(data); `lacking` is the channel
   that a grant is needed for. */
export class Link {
  constructor(door, channels, opened, on) {
    this.door = new (DOORS.get(door))(this);
    this.channels = channels;
    this.opened = opened;          // the newest id when the page was opened
    this.last = 0;                 // everything up to this id is here; 0: begin with the newest that history has
    this.on = on;
    this.fallback = null;          // the channels before the last change, which worked
    this.replayedTo = Infinity;    // an event up to this id is a replay
    this.turn = 0;                 // one more with each change, so that a late answer is known for one
    this.pause = FIRST_PAUSE_MS;
    this.gaps = new Map();
    this.isCut = this.isLive = false;
  }

  // What the person asks for

  open() {
    this.isCut = false;
    this.on.problem("");
    this.connect();
  }

  cut() {
    this.end();
    this.isCut = true;
    this.on.state("cut", "cut by you");
  }

  follow(channels) {
    if (this.isLive) this.fallback = this.channels;
    this.channels = channels;
    if (!this.isCut) this.open();
  }

  use(door) {
    this.end();
    this.fallback = null;
    this.door = new (DOORS.get(door))(this);
    if (!this.isCut) this.open();
  }

  end() {
    this.change();
    this.door.close();
  }

  connect() {
    this.change();
    this.on.state("connecting", "connecting");
    this.door.connect(this.channels, this.last);
  }

  change() {
    clearTimeout(this.retry);
    this.turn++;
    this.replayedTo = Infinity;
    this.isLive = false;
  }

  // What the door tells

  /* The door follows the channels: what was posted until now is a replay, whatever the door. */
  async joined() {
    const turn = this.turn;
    const newest = await askNewest();
    if (turn !== this.turn) return;
    this.replayedTo = newest;
    this.reached(this.opened);     // had history anything of that time, it would be here by now
    this.pause = FIRST_PAUSE_MS;
    this.isLive = true;
    this.on.state("live", "live");
  }

  event(data) {
    this.reached(data.id);
    this.on.event(data, data.id <= this.replayedTo);
  }

  reached(id) {
    this.last = Math.max(this.last, id);
  }

  /* A gap is told again on each connection until an event comes after it; once is enough here. event.js knows that by
     itself, and keeps the bounds to itself. */
  gap({channel, from, oldest}) {
    const bounds = `${from} ${oldest}`;
    if (oldest && this.gaps.get(channel) === bounds) return;
    this.gaps.set(channel, bounds);
    this.on.gap({channel, from, oldest});
  }

  /* A grant has ended: the door goes on with the other channels. event.js knows that by itself, and keeps it to itself. */
  revoked({channel, reason}) {
    this.on.revoked({channel, reason});
  }

  /* These channels cannot be had, as a text tells or the daemon's refusal; go on with those before. */
  refused(reason) {
    const {message = reason, code, channel} = reason;
    const text = channel ? `${message} (${code}): ${channel}` : message;
    const problem = `Refused: ${text.replace(/:? *$/, "")}.`;
    const lacking = channel && message.includes("grant") ? channel : null;
    const channels = this.fallback;
    this.fallback = null;
    this.change();
    if (!channels) {
      this.on.problem(problem, lacking);
      return this.on.state("refused", "not listening");
    }
    this.on.problem(`${problem} Still following ${channels.join(", ")}.`, lacking);
    this.channels = channels;
    this.connect();
  }

  full() {
    this.change();
    this.on.state("refused", "waiting for room");
  }

  /* The door is lost and comes back by itself. */
  connecting() {
    this.change();
    this.on.state("reconnecting", "reconnecting");
  }

  lost(afterMs = 0) {
    this.end();
    const wait = afterMs + this.pause * (0.5 + Math.random());     // spread, so that not all pages come back at once
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    this.on.state("reconnecting", `reconnecting in ${(wait / 1000).toFixed(1)}\u00a0s`);
    this.retry = setTimeout(() => this.connect(), wait);
  }
}
