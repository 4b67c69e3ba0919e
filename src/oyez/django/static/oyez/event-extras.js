// What few pages want of event.js, which loads this file when it does: a badge, and one connection for all tabs.
// This file is an ES module.

const WORDS = { live: "live", reconnecting: "reconnecting\u2026", stale: "out of date, reconnecting\u2026" };
const LOOKS = "position:fixed;right:0;bottom:0;padding:4px 8px;background:#222;color:#fff;font:12px sans-serif;z-index:9999";

// Show a receiver's state; without an element, in a corner of the page. Returns how to show it anew.
export function badge(receiver, element) {
  if (!element) {
    element = (document.body || document.documentElement).appendChild(document.createElement("div"));
    element.style.cssText = LOOKS; // by script: no policy forbids that
  }
  const words = { ...WORDS, ...receiver.words };
  const show = () => (element.textContent = words[(element.dataset.state = receiver.state)]);
  element.setAttribute("role", "status");
  show();
  return show;
}

// Sharing. Feeds, links and frames are those of event.js. Tabs meet in a room, which is a BroadcastChannel; the one that holds
// the room's lock leads: it has the connection, follows what all tabs there want together, and passes every frame on. It hears
// itself like any other tab. Who finds no place in a room goes on to the next.

// Of one connection, as daemons have it. One tab's mistake must not be the filter of all.
const MOST_CHANNELS = 10;
const LONGEST_NAME = 100;
const MOST_ROOMS = 3; // of the six connections that a browser has to a host

// A transport of event.js: the connection is that of the leader, who may be in this tab.
export async function openShare(feed, link, ways, Feed) {
  if (feed.link !== link) return; // given up while this file was on its way
  for (let room = 1; room <= MOST_ROOMS; room++) {
    if (!knowsPositions(feed)) return findPositions(feed, link, ways[0]);
    await enter(feed, link, ways, Feed, `oyez ${room} ${ways[0][1]}`);
    if (feed.link !== link) return;
    link.covered = [];
    feed.report("cover");
  }
}

const knowsPositions = (feed) => feed.channels.every((channel) => feed.position(channel));

// Have a connection of one's own for as long as it takes to learn the position: others cannot go back to an unknown one.
async function findPositions(feed, link, [open, url]) {
  const looking = setInterval(() => feed.link === link && knowsPositions(feed) && feed.connect(), 200);
  try {
    await open(feed, link, url);
  } finally {
    clearInterval(looking);
  }
}

// Be in a room until the link is closed or the tab is refused.
function enter(feed, link, ways, Feed, room) {
  const me = crypto.randomUUID();
  const tabs = new BroadcastChannel(room);
  const waiting = new AbortController();
  let stopLeading = () => {};
  let asked = 0;
  let known; // the leader that has answered to what this tab said last
  let end;
  const left = new Promise((resolve) => (end = resolve));

  function leave() {
    if (link.close !== leave) return; // it has
    link.close = () => {};
    link.ask = null;
    waiting.abort();
    tabs.postMessage({ tab: me, want: [] });
    tabs.close();
    stopLeading();
    end();
  }

  link.close = leave;
  link.ask = () => {
    const want = feed.channels.map((channel) => [channel, feed.position(channel)]);
    for (const [channel, position] of want) feed.at.set(channel, position); // others may need what came before
    tabs.postMessage({ tab: me, asked: ++asked, want });
  };
  tabs.onmessage = ({ data: { leader, members, covered, lost, frame, refused } }) => {
    if (!leader) return; // another tab's wishes
    feed.heard = Date.now();
    link.waits = true; // whether there is a link to the daemon is for the leader to find out
    if (refused === me) return leave();
    if (members && !members.has(me)) link.ask();
    // Until then the leader's frames may begin later than this tab's positions.
    if (members && members.get(me) === asked) {
      known = leader;
      const wasLive = feed.isLive();
      feed.cover(link, feed.channels.filter((channel) => covered.includes(channel)));
      if (lost && wasLive) feed.report("lose", lost);
    }
    if (frame && leader === known) feed.take(link, frame);
  };

  // A lock of its own tells the leader that this tab is alive; the room's is to be had by one.
  const hold = (name, begin) =>
    navigator.locks.request(name, { signal: waiting.signal }, () => (begin(), left)).catch(leave);
  hold(me, () => link.ask?.());
  hold(room, () => (stopLeading = lead(new Feed(ways), room)));
  return left;
}

// Lead the tabs of a room; returns how to stop. What a tab lacks is had by beginning anew where it is: the others drop what they
// know.
function lead(feed, room) {
  const leader = crypto.randomUUID();
  const tabs = new BroadcastChannel(room);
  const members = new Map(); // tab -> what it asked last
  const wants = new Map();
  let most = MOST_CHANNELS;
  const say = (message) => tabs.postMessage({ leader, ...message });
  const sayCovered = (lost) => say({ members, covered: feed.link ? feed.link.covered : [], lost });
  const fits = ([channel, start]) => start && channel && channel.length <= LONGEST_NAME;
  const namesOf = (...lists) => [...new Set([].concat(...lists).map(([channel]) => channel))].sort();

  function forget(tab) {
    members.delete(tab);
    wants.delete(tab);
  }

  function refuse(tab) {
    forget(tab);
    say({ refused: tab });
  }

  // The daemon takes fewer channels, or not this one: who asked last has to go.
  function shrink() {
    most = Math.max(1, feed.channels.length - 1);
    refuse([...members.keys()].pop());
    feed.follow(namesOf(...wants.values()), []);
  }

  // A tab that crashed has left without a word; the lock with its name is free.
  async function missTheDead() {
    const { held } = await navigator.locks.query();
    const names = held.map(({ name }) => name);
    [...members.keys()].filter((tab) => !names.includes(tab)).forEach(forget);
  }

  feed.leads = true;
  feed.report = (kind, data) => {
    if (kind === "lose") sayCovered({ code: data.code, reason: data.reason });
    else if (kind === "cover") sayCovered();
    else if (kind !== "error") say({ frame: data });
    else if (data.code !== "server-capacity") shrink();
  };
  tabs.onmessage = ({ data: { tab, asked, want } }) => {
    if (!want) return;
    forget(tab);
    const channels = namesOf(want, ...wants.values());
    missTheDead();
    if (channels.length > most || !want.every(fits)) return say({ refused: tab });
    if (want.length) {
      members.set(tab, asked);
      wants.set(tab, want);
    }
    feed.follow(channels, want);
    sayCovered();
    feed.wake(); // does it still live?
  };
  feed.begin();
  sayCovered();
  return () => {
    feed.end();
    tabs.close();
  };
}
