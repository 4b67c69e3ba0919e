// The second way: an event stream (docs/reference/event-streams.md), read by fetch. EventSource would come back by itself,
// and tell nothing of an answer that is an error.

import { get } from "./request.js";

export async function openStream(feed, link, url) {
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
    text = records.pop(); // the beginning of the next
    for (const record of records) feed.take(link, readRecord(record));
  }
}

// Read one record, of lines "name: value", as the frame that a WebSocket would have brought. A heartbeat is an empty frame.
function readRecord(record) {
  const fields = {};
  for (const line of record.split("\n")) {
    const [name] = line.split(":");
    fields[name] = (fields[name] || "") + line.slice(name.length + 2);
  }
  return { id: +fields.id, ...(fields.event === "gap" && { status: "gap" }), ...JSON.parse(fields.data || "{}") };
}
