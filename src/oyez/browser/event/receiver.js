// EventReceiver, what pages use (docs/reference/javascript.md): its arguments, its state in words, its callbacks.
//
// Knows the page. Must not know how events come: that is its feed's.

import { Feed } from "./feed.js";
import { importExtras } from "./files.js";
import { findWays } from "./ways.js";

// After this a person who looks at the page has to know that it may be old. A restart of the daemon or a change of the
// network is over before, and no alarm.
const STALE_MS = 10000;

// Gaps of several channels come one after the other; the page fetches its data once.
const GAPS_MS = 50;

export class EventReceiver {
  // (url, channels, last_msg, onmessage, options), or with a poller, as DMOJ's pages have it, in the second place.
  constructor(...args) {
    const poller = Array.isArray(args[1]) ? null : args.splice(1, 1);
    const [socketUrl, channels, last, onmessage, options] = args;
    const { badge, share, paused, ongap, onstate, onwsclose, words, ...unknown } = options || {};
    for (const name in unknown) console.error("EventReceiver: unknown option", name);
    Object.assign(this, { socketUrl, onmessage, ongap, onstate, onwsclose, words });

    // Where channels begin that name no start of their own. Ids are below 2^53; a number beyond that would be taken for one
    // of another time, again and again.
    this._start = Number(last) % 2 ** 53 || 0;

    // The newest id that `onmessage` was called with and has come back from, or else the one that was given.
    this.last_msg = this._start;

    // "live", "reconnecting" or "stale"; `_setState` alone changes it.
    this.state = "reconnecting";

    // The timer that makes it stale. Runs whenever it is not live, so that losing the link twice does not begin it anew.
    this._aging = undefined;

    // Channels with gaps of which the page is told in a moment.
    this._gaps = [];

    // Shows the state anew in the badge; undefined without one.
    this._label = undefined;

    this._feed = new Feed(findWays(socketUrl, poller, share), (kind, data) => this._hear(kind, data));
    this.updateChannels(channels);
    if (badge) this.badge();
    if (!paused) this.reconnect();
  }

  reconnect() {
    this._feed.begin();
    this._updateState();
  }

  disconnect() {
    this._feed.end();
    this._aging = clearTimeout(this._aging);
    this._setState("stale");
  }

  updateChannels(channels, start) {
    const feed = this._feed;
    // As texts, which the daemon compares; URIError for what UTF-8 cannot write.
    const texts = Array.from(channels, (channel) => decodeURIComponent(encodeURIComponent(channel)));
    this.channels = [...new Set(texts)];
    const fresh = this.channels.filter((channel) => !feed.starts.has(channel));
    feed.follow(this.channels, fresh.map((channel) => [channel, Number(start) || this._start]));
  }

  async badge(element) {
    this._label = (await importExtras()).badge(this, element);
  }

  // (names, after_s), of ./grants.js.
  async renew(...args) {
    (await importExtras()).renew(this, ...args);
  }

  // --- From the feed ------------------------------------------------------------------------------------------------------

  _hear(kind, data) {
    if (kind === "event") {
      this._callBack("onmessage", data.message, data);
      this.last_msg = Math.max(this.last_msg, data.id);
    } else if (kind === "gap") this._hearOfGap(data);
    else this._updateState();
    if (kind === "lose") this._callBack("onwsclose", data);
  }

  _hearOfGap({ channel, from, oldest }) {
    if (!this._gaps.length) setTimeout(() => this._callBack("ongap", this._gaps.splice(0)), GAPS_MS);
    this._gaps.push(channel);
    // The ids that the page knows are of another time: what it adds from now on begins before all, and is told of its gap.
    if (from >= oldest) this._start = 1;
  }

  _updateState() {
    const live = this._feed.isLive();
    if (live) this._aging = clearTimeout(this._aging);
    else this._aging = this._aging || setTimeout(() => this._setState("stale"), STALE_MS);
    // What is stale remains so until it is live.
    if (live || this.state === "live") this._setState(live ? "live" : "reconnecting");
  }

  _setState(state) {
    if (state === this.state) return;
    this.state = state;
    this._label?.();
    this._callBack("onstate", state);
  }

  // What a callback throws is the page's: it is shown where the browser shows such, and stops nothing here.
  _callBack(name, ...args) {
    try {
      this[name]?.(...args);
    } catch (error) {
      setTimeout(() => {
        throw error;
      });
    }
  }
}

// The receiver of the page's script elements, if there are such, and what follows them: both are ./tag.js's.
EventReceiver.page = undefined;
EventReceiver.follow = undefined;
