// A feed: the events of some channels for as long as the page wants them, over one connection after another.
//
// Knows when to connect, over which way, when to give up and when to come back. Must not know what goes over a way (./ways),
// nor what the page is told (./receiver.js). Its states are drawn in docs/explanation/event-js.md.
//
// event-extras.js uses feeds and links by the names that they have here, and a page may have an older event.js than the
// extras that it loads later: names stay, and so do what is in a way and what a feed reports.

import { running } from "./page.js";
import { channelOf, Positions } from "./positions.js";
import { openPoll } from "./ways/poll.js";
import { openSocket, tryToOpen } from "./ways/socket.js";
import { openStream } from "./ways/stream.js";

// What is neither open nor refused by then is blocked: some firewalls swallow a WebSocket without a word. Under the ten
// seconds after which a page calls itself stale, so that the second way has a chance before.
const OPENING_MS = 6000;

// How long the daemon may take to answer a filter: it does so at once, the rest is for slow networks.
const ANSWER_MS = 5000;

// A link that was live for less has proved nothing: what is opened and cut again and again must be tried less and less often.
const PROVEN_MS = 5000;

// A WebSocket that was silent for so long is asked. Its pings, as often, are between the browser and the daemon: no script
// sees them, and a browser tells late of a network that has gone.
const QUIET_MS = 25000;

// A stream or a poll cannot be asked. One has a heartbeat every 15 s and the other an answer within 29 s, so this silence is
// no accident.
const SILENT_MS = 45000;

// When the tab is shown or the network is back, what was silent for longer is asked. Several such events come at one time,
// for which one question is enough.
const JUST_NOW_MS = 1000;

// The waits between attempts are random, so that pages do not all come back in one moment after a restart. They are at most
// 0.4 s at first, where a restart is over, and half a minute in the end, where the daemon is away for long.
const FIRST_WAIT_MS = 400;
const WAIT_GROWTH = 1.7;
const LONGEST_WAIT_MS = 30000;

// As many fails make a wait of up to ten seconds. A daemon that has refused a new link may have no room: it is not pressed.
const FAILS_WITHOUT_ROOM = 6;

// A way that has worked is most likely to do so again: it gets these tries before the next way gets one.
const MORE_CHANCES = 3;

// Beats between two looks for a WebSocket, while a feed is on another way: five minutes.
const BEATS_TO_RETRY = 60;

// These hold one of the six connections that a browser has to a host, for as long as they are open. A WebSocket does not, and
// what tabs share is held by one of them.
const HOLDING_A_CONNECTION = [openStream, openPoll];

// How a connection ended of which nothing is told; with the WebSocket's code for that (RFC 6455, 7.4.1).
const ENDED = { code: 1006, reason: "" };

/**
 * One attempt to be connected, and the connection that comes of it. A feed has one at most; whatever an older one still does
 * is of no account. A way's function fills in what its kind can do.
 *
 * @typedef {object} Link
 * @property {boolean} brief a poll that does not wait, in place of a way that would hold a connection: the tab is hidden
 * @property {string[]} covered the channels that the daemon sends by it; events of others are left-overs of an older filter
 * @property {string[][]} asked filters that were sent and not answered yet, oldest first: answers do not name theirs
 * @property {number} [since] when it first covered anything, in ms of the clock; until then it may lead nowhere
 * @property {number} [id] the newest id that came by it
 * @property {boolean} [waits] of a shared connection: the leader was heard, which has to find out itself whether the
 *   daemon is there; so no time runs out here
 * @property {() => void} close ends it, without a word to the feed
 * @property {(() => void) | null} [ask] sends the feed's channels anew, which also tells whether anybody is there; only what
 *   can do so while it is open has it
 */

/**
 * A way to the daemon: how to open it, and its address (of a shared one, the ways of its leader). `open` resolves when the link
 * has ended, perhaps to {code, reason} as the WebSocket's last event has them, or rejects.
 *
 * @typedef {[open: (feed: Feed, link: Link, url: any) => Promise<any>, url: any]} Way
 */

/**
 * What a feed reports:
 *   cover  what the link carries may have changed, or no attempt has succeeded yet
 *   lose   a link that had covered something is lost; with its end, as a WebSocket tells it
 *   event  {id, channel, message}: an event that was not there before, in rising order of ids
 *   gap    {channel, from, oldest, id}: some events of the channel may be missing for good
 *   move   {id}: nothing up to that id is missing
 *   error  the daemon's frame {code, message}: it has refused a filter
 *
 * @typedef {(kind: "cover" | "lose" | "event" | "gap" | "move" | "error", data?: any) => void} Report
 */

export class Feed extends Positions {
  /**
   * @param {Way[]} ways the best first
   * @param {Report} report
   */
  constructor(ways, report) {
    super();
    this.ways = ways;
    this.report = report;

    // What is to be followed. What *is* followed is `link.covered`; the feed is live when nothing of this lacks there.
    this.channels = [];

    // The current link; null while it waits for the next attempt, or is not to be connected.
    this.link = null;

    // When anything came, or the link was begun, in ms of the clock. Silence is counted from here.
    this.heard = 0;

    // With a link: ends it if it does not open in time. Without: begins the next. Never both.
    this.timer = undefined;

    // Which of `ways` is in use, or tried next.
    this.way = 0;

    // The way that was live last: it gets more chances, and after an outage a better one is looked for if this one was
    // better. Undefined until the first.
    this.proven = undefined;

    // Attempts that failed one after the other, by which the waits grow; and those among them on this way alone. Both begin
    // anew with a link that was live for a while.
    this.fails = 0;
    this.tries = 0;

    // Beats since the feed has been live, counted for the looks for a WebSocket.
    this.beats = 0;

    // Set by who leads other tabs: a hidden tab must not let go of what the others live on.
    this.leads = false;
  }

  // --- From outside -------------------------------------------------------------------------------------------------------

  // Connect and stay connected; anew if it is.
  begin() {
    running.add(this);
    this.connect();
  }

  end() {
    running.delete(this);
    this.drop();
  }

  // Follow these channels and no others. `starts`: pairs of [channel, start], for new ones or those that have to go back.
  follow(channels, starts) {
    const changed = JSON.stringify(channels) !== JSON.stringify(this.channels);
    const back = this.beginAt(starts);
    this.channels = channels;
    // An open link can take a new filter, but goes on where it is: only a new one goes back.
    if (back || (changed && !(this.link?.ask && channels.length))) this.connect();
    else if (changed) this.link.ask();
  }

  isLive() {
    return this.link && this.channels.every((channel) => this.link.covered.includes(channel));
  }

  // The tab is shown, the network is back, or another tab wants to know: does the link still live? With news, what failed
  // before tells nothing of what is to come: waits are short again. And the next way follows upon the first fail: Firefox
  // holds a WebSocket back for up to a minute after many that failed.
  wake(isNews = false) {
    if (isNews) {
      this.fails = 0;
      this.tries = MORE_CHANCES;
    }
    if (this.link && !this.link.brief) this.check(JUST_NOW_MS, QUIET_MS);
    else this.connect();
  }

  // The tab is hidden. A link that cannot be asked may be one that holds a connection; `connect` sees to that.
  hide() {
    if (this.link && !this.link.ask && !this.leads) this.connect();
  }

  // Called every five seconds.
  beat() {
    this.check(QUIET_MS, SILENT_MS);
    if (this.isLive() && ++this.beats % BEATS_TO_RETRY === 0) this.retry();
  }

  // --- A link's life ------------------------------------------------------------------------------------------------------

  connect() {
    this.drop();
    if (!running.has(this) || !this.channels.length) return;
    let [open, url] = this.ways[this.way];
    const brief = document.hidden && !this.leads && HOLDING_A_CONNECTION.includes(open);
    if (brief) [open, url] = this.ways[this.ways.length - 1]; // the poll
    /** @type {Link} */
    const link = { brief, covered: [], asked: [], close() {} };
    this.link = link;
    this.heard = Date.now();
    this.timer = setTimeout(() => link.since || link.waits || this.lose(link), OPENING_MS);
    open(this, link, url)
      .catch(() => {}) // what went wrong is in the browser's log, and what to do about it is the same
      .then((end) => this.lose(link, end));
  }

  // End the link, without a report.
  drop() {
    clearTimeout(this.timer);
    this.link?.close();
    this.link = null;
  }

  // The link has ended, or is given up: begin another after a while, perhaps on the next way.
  lose(link, end = ENDED) {
    if (link !== this.link) return;
    this.drop();
    if (Date.now() - link.since > PROVEN_MS) this.fails = this.tries = 0;
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * WAIT_GROWTH ** this.fails);
    this.timer = setTimeout(() => this.connect(), Math.random() * longest);
    this.fails++;
    const chances = this.way === this.proven && !link.waits ? MORE_CHANCES : 0;
    if (!link.brief && ++this.tries > chances) {
      this.tries = 0;
      this.way = (this.way + 1) % this.ways.length;
    }
    this.report(link.since ? "lose" : "cover", end);
  }

  // Give a link up that was silent for too long: after an answer that did not come, or at once where it cannot be asked.
  check(quietMs, silentMs) {
    const link = this.link;
    const asked = Date.now();
    if (!link || asked - this.heard < quietMs) return;
    if (link.ask) {
      link.ask();
      setTimeout(() => this.heard < asked && this.lose(link), ANSWER_MS);
    } else if (asked - this.heard > silentMs) this.connect();
  }

  // Leave a worse way for the WebSocket as soon as one opens, and not before.
  retry() {
    const way = this.ways.slice(0, this.way).findIndex(([open]) => open === openSocket);
    if (way < 0) return;
    tryToOpen(this.ways[way][1], () => {
      this.way = way;
      this.connect();
    });
  }

  // --- What a way calls ---------------------------------------------------------------------------------------------------

  // The link carries these channels.
  cover(link, channels) {
    const wasLive = this.isLive();
    link.covered = channels;
    if (!wasLive && this.isLive()) {
      // Which way is tried in the moment in which an outage ends is chance: a page that had a better one has it back.
      if (this.way > this.proven) this.retry();
      this.proven = this.way;
    }
    link.since = link.since || Date.now();
    this.report("cover");
  }

  // The daemon has sent one of
  //   {id, channel, message}                      an event
  //   {status: "success", id?}                    the answer to the oldest filter: it holds
  //   {status: "error", code, message}            the answer to the oldest filter: refused
  //   {status: "gap", channel, from, oldest}      events may be gone
  //   {id}                                        a position: nothing is missing up to it
  take(link, frame) {
    if (link !== this.link) return;
    this.heard = Date.now();
    link.id = frame.id || link.id;
    if (frame.status === "error") this.takeRefusal(link, frame);
    if (frame.status === "success") this.cover(link, link.asked.shift());
    const isOf = (name) => channelOf(name) === channelOf(frame.channel);
    const names = frame.channel ? link.covered.filter(isOf) : []; // several, if tabs have a grant each
    if (frame.channel && !names.length) return;
    if (frame.status === "gap") {
      const news = names.filter((name) => this.skipGap({ ...frame, channel: name }, link.id));
      if (news.length) this.report("gap", { ...frame, id: link.id });
    } else if (frame.id) this.takeEvent(link, frame, names);
  }

  takeRefusal(link, frame) {
    console.error("EventReceiver:", frame.message);
    link.asked.shift();
    if (!link.since) this.fails = FAILS_WITHOUT_ROOM;
    this.report("error", frame);
  }

  takeEvent(link, frame, names) {
    const { id, channel } = frame;
    // A link that began for another channel's sake repeats some.
    const isNew = names.some((name) => id > (this.at.get(name) || 0));
    this.moveTo(id, link.covered);
    if (!channel) this.report("move", { id });
    else if (isNew) this.report("event", frame);
  }
}
