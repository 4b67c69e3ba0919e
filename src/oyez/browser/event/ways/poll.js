// The last way: long polls (docs/reference/long-poll.md), as many events each as are there. A brief link asks without waiting, now and then.

import { get } from "./request.js";

// A hidden tab shows nobody anything: it asks as seldom as it can and still be live.
const BRIEF_PAUSE_MS = 10000;

export async function openPoll(feed, link, url) {
  const channels = feed.channels;
  // The separator before the first name keeps "." and "..", which a browser would take out of an address.
  const path = [url, ...channels.map(encodeURIComponent)].join("|");
  if (path.includes("%7C")) return; // a separator within a name would part it, and the page be live with others' channels
  while (feed.link === link) {
    // The first asks only whether anybody is there: one that waits for an event would not tell.
    const nowait = +(link.brief || !link.since);
    const answer = await get(feed, link, `${path}?notify=1&nowait=${nowait}&max=256&last=${feed.start(channels)}`);
    const data = await answer.json();
    // 504: nothing has come. Its body tells the position. Others are refusals.
    if (feed.link !== link || ![200, 504].includes(answer.status)) return feed.take(link, data);
    feed.cover(link, channels);
    const gaps = data.gaps || JSON.parse(answer.headers.get("Oyez-Gap") || "[]");
    // Without any, it is a position. A daemon of before `max` answers with one event.
    const frames = data.events?.[0] ? data.events : [data];
    for (const gap of gaps) feed.take(link, { status: "gap", id: frames[0].id - 1, ...gap }); // the events are newer
    for (const frame of frames) feed.take(link, frame);
    if (link.brief && !frames[0].channel) await new Promise((resolve) => setTimeout(resolve, BRIEF_PAUSE_MS));
  }
}
