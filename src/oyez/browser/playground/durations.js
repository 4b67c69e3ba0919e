/* How long events took from the post on this page to their arrival. Either may be known first. */

import { find } from "./elements.js";

const REMEMBERED = 1000;

const sent = new Map();          // id -> when its post left this page, for the newest few
const unexplained = new Map();   // id -> places for a duration, while the post's answer is not here yet

/* The post of this id left the page then (performance.now()). */
export function noteSent(id, left) {
  remember(sent, id, left);
  for (const show of unexplained.get(id) || []) show(left);
  unexplained.delete(id);
}

/* Put the time of arrival on a row, and the duration since the post, which may be answered only later. */
export function explain(row, {at, time}) {
  const clock = find("time", row);
  clock.dateTime = time.toISOString();
  clock.textContent = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, "0")}`;
  const took = find(".took", row);
  const id = Number(row.dataset.id);
  const show = (left) => { took.textContent = [took.textContent, duration(at - left)].filter(Boolean).join(" "); };
  if (sent.has(id)) {
    show(sent.get(id));
  } else {
    remember(unexplained, id, [...(unexplained.get(id) || []), show]);
  }
}

const duration = (ms) => ms < 1000 ? `${Math.max(ms, 0).toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`;

function remember(map, id, value) {
  map.delete(id);
  map.set(id, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value);
}
