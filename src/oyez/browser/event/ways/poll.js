// The last way: long polls (docs/reference/long-poll.md), one event each. A brief link asks without waiting, now and then.

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
    const answer = await get(feed, link, `${path}?notify=1&nowait=${nowait}&last=${feed.start(channels)}`);
    const data = await answer.json();
    // 504: nothing has come. Its body tells the position.
    if (feed.link !== link || (!answer.ok && answer.status !== 504)) return;
    feed.cover(link, channels);
    const gaps = data.gaps || JSON.parse(answer.headers.get("Oyez-Gap") || "[]");
    for (const gap of gaps) feed.take(link, { status: "gap", id: data.id - 1, ...gap }); // before the event, which is newer
    feed.take(link, data);
    if (link.brief && !data.channel) await new Promise((resolve) => setTimeout(resolve, BRIEF_PAUSE_MS));
  }
}
