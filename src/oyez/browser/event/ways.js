// Which ways lead to a daemon, by the arguments of a receiver. What each is, is in ./ways.

import { haveFilesAt } from "./files.js";
import { openPoll } from "./ways/poll.js";
import { openShare } from "./ways/share.js";
import { openSocket } from "./ways/socket.js";
import { openStream } from "./ways/stream.js";

/** @typedef {import("./feed.js").Way} Way */

/**
 * @param {string | null | undefined} url where the site shows the daemon, below which are its doors; with a poller, the
 *   WebSocket's own address
 * @param {string[] | null} poller in a list, the long poll's own address, which may be empty, as DMOJ's pages name it
 * @param {boolean | undefined} share one connection for all tabs: always; never; or, undefined, in place of a stream
 * @returns {Way[]} the best first
 */
export function findWays(url, poller, share) {
  const base = poller ? url : `${String(url || "").replace(/\/+$/, "")}/socket.io/`;
  const socket = new URL(base, location.href).href.replace(/^http/, "ws");
  const http = socket.replace("ws", "http");
  if (!poller) haveFilesAt(http);
  /** @type {Way[]} */
  const ways = poller
    ? /** @type {Way[]} */ ([[openSocket, socket], [openPoll, poller[0]]]).filter(([, url]) => url)
    : [[openSocket, `${socket}event/`], [openStream, `${http}sse`], [openPoll, `${http}channels/`]];
  const shared = share ? [...ways] : ways.slice(1); // a WebSocket each costs the tabs nothing
  // Without Web Locks (no browser has them on plain http) tabs cannot tell who leads.
  if (share !== false && shared[0] && navigator.locks) ways.splice(+!share, 0, [openShare, shared]);
  return ways;
}
