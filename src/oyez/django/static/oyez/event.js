// Oyez in a page: see docs/reference/javascript.md
(() => {
  "use strict";
  const script = document.currentScript;
  if (self.EventReceiver?.follow) return self.EventReceiver.follow(script);

  const OPENING_MS = 6000;
  const ANSWER_MS = 5000;
  const QUIET_MS = 25000;
  const SILENT_MS = 45000;
  const STALE_MS = 10000;
  const running = new Set();
  let home; // where the daemon has files

  // A connection that comes back. `at`: up to which id all of a channel has come; it is covered once it is live.
  class Feed {
    constructor(ways, report) {
      Object.assign(this, { ways, report, channels: [], starts: new Map(), at: new Map() });
      this.way = this.fails = this.tries = this.beats = 0;
    }

    begin() {
      running.add(this);
      this.connect();
    }

    end() {
      running.delete(this);
      this.drop();
    }

    position(channel) {
      return Math.max(this.at.get(channel) || 0, this.starts.get(channel));
    }

    start(channels) {
      const known = channels.map((channel) => this.position(channel)).filter(Boolean);
      // What is further would repeat itself.
      for (const channel of channels) this.at.set(channel, this.position(channel));
      return known.length ? Math.min(...known) : 0;
    }

    isLive() {
      return this.link && this.channels.every((channel) => this.link.covered.includes(channel));
    }

    // A channel goes back if another tab needs that.
    follow(channels, starts) {
      const changed = JSON.stringify(channels) !== JSON.stringify(this.channels);
      let back = false;
      for (const [channel, start] of starts) {
        const known = this.starts.has(channel);
        if (known && start >= this.position(channel)) continue;
        this.starts.set(channel, start);
        this.at.delete(channel);
        back = back || known;
      }
      this.channels = channels;
      if (back || (changed && !(this.link?.ask && channels.length))) this.connect();
      else if (changed) this.link.ask();
    }

    connect() {
      this.drop();
      if (!running.has(this) || !this.channels.length) return;
      let [open, url] = this.ways[this.way];
      // A browser has six connections to a host; a hidden tab holds none.
      const brief = document.hidden && !this.leads && (open === openStream || open === openPoll);
      if (brief) [open, url] = this.ways[this.ways.length - 1];
      const link = (this.link = { brief, covered: [], asked: [], close() {} });
      this.heard = Date.now();
      this.timer = setTimeout(() => link.since || link.waits || this.lose(link), OPENING_MS);
      open(this, link, url)
        .catch(() => {})
        .then((end) => this.lose(link, end));
    }

    drop() {
      clearTimeout(this.timer);
      this.link?.close();
      this.link = null;
    }

    lose(link, end = { code: 1006, reason: "" }) {
      if (link !== this.link) return;
      this.drop();
      if (Date.now() - link.since > ANSWER_MS) this.fails = this.tries = 0;
      this.timer = setTimeout(() => this.connect(), Math.random() * Math.min(30000, 400 * 1.7 ** this.fails));
      // What has worked gets three more chances.
      this.fails++;
      if (!link.brief && ++this.tries > (this.way === this.proven && !link.waits ? 3 : 0)) {
        this.tries = 0;
        this.way = (this.way + 1) % this.ways.length;
      }
      this.report(link.since ? "lose" : "cover", end);
    }

    cover(link, channels) {
      const wasLive = this.isLive();
      link.covered = channels;
      if (!wasLive && this.isLive()) {
        if (this.way > this.proven) this.retry(); // after an outage
        this.proven = this.way;
      }
      link.since = link.since || Date.now();
      this.report("cover");
    }

    take(link, frame) {
      if (link !== this.link) return;
      this.heard = Date.now();
      const { status, channel, from, oldest } = frame;
      const at = this.at.get(channel) || 0;
      const id = (link.id = frame.id || link.id);
      if (status === "error") {
        console.error("EventReceiver:", frame.message);
        link.asked.shift();
        if (!link.since) this.fails = 6; // there may be no room
        this.report("error", frame);
      }
      if (status === "success") this.cover(link, link.asked.shift());
      if (channel && !link.covered.includes(channel)) return;
      if (status === "gap") {
        if (from < oldest && oldest <= at + 1) return; // had long ago
        const position = from < oldest ? oldest - 1 : id; // or ids have begun anew
        this.at.set(channel, position);
        this.starts.set(channel, position);
        this.report("gap", { ...frame, id });
      } else if (frame.id) {
        for (const each of link.covered) this.at.set(each, Math.max(id, this.at.get(each) || 0));
        if (!channel) this.report("move", { id });
        else if (id > at) this.report("event", frame);
      }
    }

    check(quiet, silent) {
      const link = this.link;
      const asked = Date.now();
      if (!link || asked - this.heard < quiet) return;
      if (link.ask) {
        link.ask();
        setTimeout(() => this.heard < asked && this.lose(link), ANSWER_MS);
      } else if (asked - this.heard > silent) this.connect();
    }

    beat() {
      this.check(QUIET_MS, SILENT_MS);
      if (this.isLive() && ++this.beats % 60 === 0) this.retry();
    }

    retry() {
      const way = this.ways.slice(0, this.way).findIndex(([open]) => open === openSocket);
      if (way < 0) return;
      try {
        const trial = new WebSocket(this.ways[way][1]);
        trial.onopen = () => {
          trial.close();
          this.way = way;
          this.connect();
        };
      } catch {} // by a policy
    }

    wake() {
      if (this.link && !this.link.brief) this.check(1000, QUIET_MS);
      else this.connect();
    }

    hide() {
      if (this.link && !this.link.ask && !this.leads) this.connect();
    }
  }

  async function openSocket(feed, link, url) {
    const socket = new WebSocket(url);
    const send = (command) => socket.send(JSON.stringify(command));
    link.close = () => socket.close();
    link.ask = () => {
      if (socket.readyState !== 1) return;
      const filter = feed.channels;
      link.asked.push(filter);
      send({ command: "start-msg", start: feed.start(filter.filter((channel) => !link.covered.includes(channel))) });
      send({ command: "set-filter", filter, notify: true, position: true });
    };
    socket.onopen = link.ask;
    socket.onmessage = ({ data }) => feed.take(link, JSON.parse(data));
    return new Promise((resolve) => (socket.onclose = resolve));
  }

  async function get(feed, link, url) {
    const aborter = new AbortController();
    link.close = () => aborter.abort();
    // Of a cache, Firefox has tabs wait for each other.
    const answer = await fetch(url, { cache: "no-store", signal: aborter.signal });
    if (answer.status === 400) feed.take(link, { status: "error", message: await answer.text() });
    return answer;
  }

  async function openStream(feed, link, url) {
    const channels = feed.channels;
    link.asked.push(channels);
    const query = channels.map((channel) => `channel=${encodeURIComponent(channel)}&`).join("");
    const answer = await get(feed, link, `${url}?${query}last=${feed.start(channels)}`);
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    for (let text = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const records = (text + decoder.decode(value, { stream: true })).split("\n\n");
      text = records.pop();
      for (const record of records) feed.take(link, readRecord(record));
    }
  }

  function readRecord(record) {
    const fields = {};
    for (const line of record.split("\n")) {
      const [name] = line.split(":");
      fields[name] = (fields[name] || "") + line.slice(name.length + 2);
    }
    return { id: +fields.id, ...(fields.event === "gap" && { status: "gap" }), ...JSON.parse(fields.data || "{}") };
  }

  async function openPoll(feed, link, url) {
    const channels = feed.channels;
    const path = [url, ...channels.map(encodeURIComponent)].join("|");
    if (path.includes("%7C")) return; // would part it
    while (feed.link === link) {
      // The first only asks who is there.
      const nowait = +(link.brief || !link.since);
      const answer = await get(feed, link, `${path}?notify=1&nowait=${nowait}&last=${feed.start(channels)}`);
      const data = await answer.json();
      if (feed.link !== link || (!answer.ok && answer.status !== 504)) return;
      feed.cover(link, channels);
      const gaps = data.gaps || JSON.parse(answer.headers.get("Oyez-Gap") || "[]");
      for (const gap of gaps) feed.take(link, { status: "gap", id: data.id - 1, ...gap });
      feed.take(link, data);
      if (link.brief && !data.channel) await new Promise((resolve) => setTimeout(resolve, STALE_MS));
    }
  }

  // What is in the page has nothing beside it.
  const importExtras = () => import(script?.src === "" && home ? `${home}event-extras.js` : "./event-extras.js");

  async function openShare(feed, link, ways) {
    return (await importExtras()).openShare(feed, link, ways, Feed);
  }

  function findWays(url, poller, share) {
    const base = poller ? url : `${String(url || "").replace(/\/+$/, "")}/socket.io/`;
    const socket = new URL(base, location).href.replace(/^http/, "ws");
    const http = socket.replace("ws", "http");
    if (!poller) home = http;
    const ways = poller
      ? [[openSocket, socket], [openPoll, poller[0]]].filter(([, url]) => url)
      : [[openSocket, `${socket}event/`], [openStream, `${http}sse`], [openPoll, `${http}channels/`]];
    const pool = share ? [...ways] : ways.slice(1);
    if (share !== false && pool[0] && navigator.locks) ways.splice(+!share, 0, [openShare, pool]);
    return ways;
  }

  class EventReceiver {
    // DMOJ's pages give a poller too.
    constructor(...args) {
      const poller = Array.isArray(args[1]) ? null : args.splice(1, 1);
      const [socketUrl, channels, last, onmessage, options] = args;
      const { badge, share, paused, ongap, onstate, onwsclose, words, ...unknown } = options || {};
      for (const name in unknown) console.error("EventReceiver: unknown option", name);
      this.last_msg = this._start = Number(last) % 2 ** 53 || 0;
      this.state = "reconnecting";
      Object.assign(this, { socketUrl, onmessage, ongap, onstate, onwsclose, words, _gaps: [] });
      this._feed = new Feed(findWays(socketUrl, poller, share), (kind, data) => this._hear(kind, data));
      this.updateChannels(channels);
      if (badge) this.badge();
      if (!paused) this.reconnect();
    }

    reconnect() {
      this._feed.begin();
      this._see();
    }

    disconnect() {
      this._feed.end();
      this._aging = clearTimeout(this._aging);
      this._show("stale");
    }

    updateChannels(channels, start) {
      const feed = this._feed;
      const texts = Array.from(channels, (channel) => decodeURIComponent(encodeURIComponent(channel))); // or throw
      this.channels = [...new Set(texts)];
      const fresh = this.channels.filter((channel) => !feed.starts.has(channel));
      feed.follow(this.channels, fresh.map((channel) => [channel, Number(start) || this._start]));
    }

    async badge(element) {
      this._label = (await importExtras()).badge(this, element);
    }

    _hear(kind, data) {
      if (kind === "event") {
        this._call("onmessage", data.message, data);
        this.last_msg = Math.max(this.last_msg, data.id);
      } else if (kind === "gap") {
        if (!this._gaps.length) setTimeout(() => this._call("ongap", this._gaps.splice(0)), 50);
        this._gaps.push(data.channel);
        if (data.from >= data.oldest) this._start = 1; // of another time
      } else this._see();
      if (kind === "lose") this._call("onwsclose", data);
    }

    _see() {
      const live = this._feed.isLive();
      if (live) this._aging = clearTimeout(this._aging);
      else this._aging = this._aging || setTimeout(() => this._show("stale"), STALE_MS);
      if (live || this.state === "live") this._show(live ? "live" : "reconnecting");
    }

    _show(state) {
      if (state === this.state) return;
      this.state = state;
      this._label?.();
      this._call("onstate", state);
    }

    _call(name, ...args) {
      try {
        this[name]?.(...args);
      } catch (error) {
        setTimeout(() => {
          throw error;
        });
      }
    }

    // What a tag asks for, once scripts listen.
    static follow(script) {
      const { channels, url, poll, last, ...flags } = script ? script.dataset : {};
      if (!channels) return;
      const list = JSON.parse(channels);
      let page = EventReceiver.page;
      if (page) return page.updateChannels(page.channels.concat(list), last);
      const share = "share" in flags ? flags.share !== "false" : undefined;
      const rest = [list, last, null, { paused: true, badge: "badge" in flags, share }];
      page = EventReceiver.page = poll ? new EventReceiver(url, poll, ...rest) : new EventReceiver(url, ...rest);
      const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`oyez:${name}`, { detail }));
      page.onmessage = (message, event) => tell("message", event);
      page.ongap = (channels) => tell("gap", { channels });
      page.onstate = (state) => tell("state", { state });
      new Promise((ready) => {
        if (document.readyState === "complete") setTimeout(ready);
        addEventListener("DOMContentLoaded", ready);
        addEventListener("pageshow", ready); // that one may be over
      }).then(() => page.reconnect());
    }
  }

  const wake = () => running.forEach((feed) => feed.wake());
  addEventListener("online", wake);
  addEventListener("pageshow", wake);
  const look = () => running.forEach((feed) => (document.hidden ? feed.hide() : feed.wake()));
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => running.forEach((feed) => feed.report("cover", feed.drop())));
  setInterval(() => running.forEach((feed) => feed.beat()), 5000);

  self.EventReceiver = EventReceiver;
  EventReceiver.follow(script);
})();
