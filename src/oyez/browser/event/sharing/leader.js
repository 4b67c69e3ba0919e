// The tab that has the connection of a group of tabs. What they say to each other is in ./tab.js.

import { lostChannel } from "../grants.js";
import { channelOf } from "../positions.js";

// Of one connection, as daemons have it. One tab's mistake must not be the filter of all.
const MOST_CHANNELS = 10;
const LONGEST_NAME = 100;

// Lead a group; returns how to stop. What a tab lacks is had by beginning anew where it is: the others drop what they know.
export function lead(feed, group) {
  const leader = crypto.randomUUID();
  const tabs = new BroadcastChannel(group);
  const members = new Map(); // tab -> what it asked last, in the order of asking
  const wants = new Map(); // tab -> [[channel, position], …]
  let most = MOST_CHANNELS;
  const tell = (message) => tabs.postMessage({ leader, ...message });
  const tellCovered = (lost) => tell({ members, covered: feed.link ? feed.link.covered : [], lost });
  const fits = ([name, start]) => start && name && channelOf(name).length <= LONGEST_NAME;
  const namesOf = (...lists) => [...new Set([].concat(...lists).map(([channel]) => channel))].sort();

  function forget(tab) {
    members.delete(tab);
    wants.delete(tab);
  }

  function refuse(tab) {
    forget(tab);
    tell({ refused: tab });
  }

  // The daemon takes fewer channels, or not this one: who asked last has to go.
  function shrink() {
    most = Math.max(1, feed.channels.length - 1);
    refuse([...members.keys()].pop());
    feed.follow(namesOf(...wants.values()), []);
  }

  // A grant has ended, or is none: that is for whoever shows it to mend, and says nothing of how many channels there may be.
  function refuseFor(channel) {
    for (const [tab, want] of wants) if (want.some(([name]) => channelOf(name) === channel)) refuse(tab);
    feed.follow(namesOf(...wants.values()), []);
  }

  // A tab that crashed has left without a word; the lock with its name is free.
  async function forgetCrashed() {
    const { held } = await navigator.locks.query();
    const names = held.map(({ name }) => name);
    [...members.keys()].filter((tab) => !names.includes(tab)).forEach(forget);
  }

  feed.leads = true;
  feed.report = (kind, data) => {
    if (kind === "lose") tellCovered({ code: data.code, reason: data.reason }); // an event of a WebSocket cannot be posted
    else if (kind === "cover") tellCovered();
    else if (kind !== "error") tell({ frame: data });
    else if (lostChannel(data)) refuseFor(lostChannel(data));
    else if (data.code !== "server-capacity") shrink();
  };
  const { take } = feed;
  feed.take = (link, frame) => {
    take.call(feed, link, frame);
    if (link === feed.link && frame.reason && lostChannel(frame)) tell({ frame }); // a feed reports nothing of it
  };
  tabs.onmessage = ({ data: { tab, asked, want } }) => {
    if (!want) return;
    forget(tab);
    const channels = namesOf(want, ...wants.values());
    forgetCrashed(); // for the next who asks: it takes a moment, in which nobody waits
    if (channels.length > most || !want.every(fits)) return tell({ refused: tab });
    if (want.length) {
      members.set(tab, asked);
      wants.set(tab, want);
    }
    feed.follow(channels, want);
    tellCovered();
    feed.wake(); // does it still live?
  };
  feed.begin();
  tellCovered();
  return () => {
    feed.end();
    tabs.close();
  };
}
