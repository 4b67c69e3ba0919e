// New names for channels whose grants end, for a receiver with `renew`.
//
// Knows when to ask the page for names, and where each goes on. Must not know how they are signed.

import { channelOf } from "./positions.js";

// Half of what a grant is good for, if the daemon's settings say nothing of that.
const AFTER_S = 21600;

// Between two times at which it is asked, whatever came of the first: who is refused for good must not press the site.
const PAUSE_MS = 60000;

// The channel that a frame says is not to be had with the grant that was shown; undefined if it says no such thing.
export function lostChannel(frame) {
  if (frame.reason && !frame.id) return frame.channel; // revoked; an event has an id
  return frame.code === "not-allowed" ? frame.channel : undefined;
}

/**
 * Have names renewed before their grants end, and when one has. It is done on a feed's beat: so not while the receiver is
 * disconnected, and pages that lose a channel in one moment do not all ask in one moment.
 *
 * @param {object} receiver
 * @param {(() => any) | string} names returns a list of names, or a promise of one; or the address of such a list
 * @param {number} [afterS] when to ask, in seconds after the names were had
 */
export function renew(receiver, names, afterS = AFTER_S) {
  const feed = receiver._feed;
  const { take, beat, moveTo } = feed;
  let due = Date.now() + afterS * 1000;
  let asked = -Infinity;
  let lost = []; // names that were left since their grants had ended
  let left; // the receiver's channels as they were then; others are the page's own

  async function ask() {
    asked = Date.now();
    due = asked + PAUSE_MS;
    try {
      takeNames(typeof names === "function" ? await names() : await fetchNames(names));
      due = asked + afterS * 1000;
    } catch (error) {
      console.error("EventReceiver: renew", error);
    }
  }

  // A new name takes the place of that of the same channel, and goes on where it is.
  function takeNames(list) {
    const fresh = new Map([...list].map((name) => [channelOf(name), name]));
    const old = receiver.channels.concat(receiver.channels === left ? lost.filter((name) => fresh.has(channelOf(name))) : []);
    lost = [];
    const nameOf = (name) => fresh.get(channelOf(name)) || name;
    feed.beginAt(old.map((name) => [nameOf(name), feed.position(name)]));
    receiver.updateChannels(old.map(nameOf));
  }

  // What has ended is not asked for again.
  function lose(link, channel) {
    const isOther = (name) => channelOf(name) !== channel;
    link.covered = link.covered.filter(isOther); // or what comes of other channels would move it
    if (receiver.channels !== left) lost = [];
    lost.push(...receiver.channels.filter((name) => !isOther(name)));
    receiver.updateChannels(receiver.channels.filter(isOther));
    left = receiver.channels;
    feed.report("cover"); // without any, it is not live
    due = Math.min(due, asked + PAUSE_MS);
  }

  feed.take = (link, frame) => {
    const isCurrent = link === feed.link;
    take.call(feed, link, frame);
    const channel = isCurrent && lostChannel(frame);
    if (channel) lose(link, channel);
  };
  // While a new name is on its way, what comes by the old one is its too.
  feed.moveTo = (id, covered) => {
    const channels = covered.map(channelOf);
    moveTo.call(feed, id, covered.concat(feed.channels.filter((name) => channels.includes(channelOf(name)))));
  };
  feed.beat = () => {
    beat.call(feed);
    if (Date.now() >= due) ask();
  };
}

async function fetchNames(url) {
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer.json();
}
