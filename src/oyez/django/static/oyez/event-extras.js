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

// Sharing. Feeds, links and frames are those of event.js. Tabs meet on a BroadcastChannel; the one that holds the lock
// leads: it has the connection, follows what all tabs want together, and passes every frame on. It hears itself like any
// other tab.

// Of one connection, as daemons have it. One tab's mistake must not be the filter of all.
const MOST_CHANNELS = 10;
const LONGEST_NAME = 100;

// A transport of event.js: the connection is that of the leader, who may be in this tab.
export async function openShare(feed, link, ways, Feed) {
  if (feed.link !== link) return null; // given up while this file was on its way
  const name = `oyez ${ways[0][1]}`;
  const me = crypto.randomUUID();
  const tabs = new BroadcastChannel(name);
  const waiting = new AbortController();
  let stopLeading = () => {};
  let asked = 0;
  let known; // the leader that has answered to what this tab said last

  link.close = () => {
    waiting.abort();
    tabs.postMessage({ tab: me, want: [] });
    tabs.close();
    stopLeading();
  };
  link.ask = () => {
    const want = feed.channels.map((channel) => [channel, feed.position(channel)]);
    for (const [channel, position] of want) feed.at.set(channel, position); // others may need what came before
    tabs.postMessage({ tab: me, asked: ++asked, want });
  };
  const rule = () => new Promise((resolve) => (stopLeading = lead(new Feed(ways), name, resolve)));
  navigator.locks.request(name, { signal: waiting.signal }, rule).catch(() => {});
  link.ask();

  return new Promise((resolve) => {
    tabs.onmessage = ({ data: { leader, members, covered, lost, frame, refused } }) => {
      if (!leader) return; // another tab's wishes
      feed.heard = Date.now();
      link.waits = true; // whether there is a link to the daemon is for the leader to find out
      if (refused === me) resolve();
      if (members && !members.has(me)) link.ask();
      // Until then the leader's frames may begin later than this tab's positions.
      if (members && members.get(me) === asked) {
        known = leader;
        const wasLive = feed.isLive();
        feed.cover(link, feed.channels.filter((channel) => covered.includes(channel)));
        feed.proven = null; // should the leader fall silent, a connection of its own is better than another try
        if (lost && wasLive) feed.report("lose", lost);
      }
      if (frame && leader === known) feed.take(link, frame);
    };
  });
}

// Lead the tabs; returns how to stop. What a tab lacks is had by beginning anew where it is: the others drop what they know.
function lead(feed, name, resolve) {
  const leader = crypto.randomUUID();
  const tabs = new BroadcastChannel(name);
  const members = new Map(); // tab -> what it asked last
  const wants = new Map();
  const say = (message) => tabs.postMessage({ leader, ...message });
  const sayCovered = (lost) => say({ members, covered: feed.link ? feed.link.covered : [], lost });
  const fits = ([channel, start]) => start && channel && channel.length <= LONGEST_NAME;

  feed.report = (kind, data) => {
    if (kind === "lose") sayCovered({ code: data.code, reason: data.reason });
    else if (kind === "cover") sayCovered();
    else say({ frame: data });
  };
  tabs.onmessage = ({ data: { tab, asked, want } }) => {
    if (!want) return;
    members.delete(tab);
    wants.delete(tab);
    const channels = [...new Set([].concat(want, ...wants.values()).map(([channel]) => channel))];
    if (channels.length > MOST_CHANNELS || !want.every(fits)) return say({ refused: tab });
    if (want.length) {
      members.set(tab, asked);
      wants.set(tab, want);
    }
    feed.follow(channels.sort(), want);
    sayCovered();
    if (feed.link) feed.wake(); // does it still live?
  };
  feed.begin();
  sayCovered();
  return () => {
    feed.end();
    tabs.close();
    resolve();
  };
}
