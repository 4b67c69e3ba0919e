// A tab that shares a connection. Feeds, links, ways and frames are those of ../feed.js.
//
// Tabs that share one are a group, which has a BroadcastChannel. The one that holds the group's lock leads (./leader.js): it has
// the connection, follows what all its tabs want together, and passes every frame on. It hears itself like any other tab.
//
// What tabs say to each other, those of older versions too:
//   {tab, asked, want: [[channel, position], …]}   a tab wants these, from there on; an empty list: it leaves
//   {leader, members, covered, lost?}              the leader carries these channels; `members` maps tabs to what each asked last
//   {leader, frame}                                what the daemon has sent
//   {leader, refused}                              that tab finds no place in this group

import { lead } from "./leader.js";

const MOST_GROUPS = 3; // of the six connections that a browser has to a host

// A way of event.js: over the connection of the leader, who may be in this tab. Who finds no place goes on to the next group.
export async function openShare(feed, link, ways, Feed) {
  if (feed.link !== link) return; // given up while this file was on its way
  for (let number = 1; number <= MOST_GROUPS; number++) {
    if (!knowsPositions(feed)) return findPositions(feed, link, ways[0]);
    await join(feed, link, ways, Feed, `oyez ${number} ${ways[0][1]}`);
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

// Be in a group until the link is closed or the tab is refused.
function join(feed, link, ways, Feed, group) {
  const me = crypto.randomUUID();
  const tabs = new BroadcastChannel(group);
  const waiting = new AbortController();
  let stopLeading = () => {};
  let asked = 0; // how often this tab has told what it wants
  let known; // the leader that has answered to what it told last
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

  // A lock of its own tells the leader that this tab is alive; the group's is to be had by one.
  const hold = (name, begin) =>
    navigator.locks.request(name, { signal: waiting.signal }, () => (begin(), left)).catch(leave);
  hold(me, () => link.ask?.());
  hold(group, () => (stopLeading = lead(new Feed(ways), group)));
  return left;
}
