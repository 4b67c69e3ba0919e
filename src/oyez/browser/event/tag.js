// Script elements with data attributes: one receiver for all of a page, whose callbacks are events of `document`.

import { EventReceiver } from "./receiver.js";

/**
 * Follow what an element asks for, if it does.
 *
 * @param {HTMLScriptElement | null} script
 */
export function followTag(script) {
  const { channels, url, poll, last, ...flags } = script ? script.dataset : {};
  if (!channels) return;
  const list = JSON.parse(channels);
  let page = EventReceiver.page;
  if (page) return page.updateChannels(page.channels.concat(list), last);
  const share = "share" in flags ? flags.share !== "false" : undefined;
  const options = { badge: "badge" in flags, share, paused: true };
  page = EventReceiver.page = new EventReceiver(url, ...(poll ? [poll] : []), list, last, null, options);
  const dispatch = (name, detail) => document.dispatchEvent(new CustomEvent(`oyez:${name}`, { detail }));
  page.onmessage = (message, event) => dispatch("message", event);
  page.ongap = (channels) => dispatch("gap", { channels });
  page.onstate = (state) => dispatch("state", { state });
  if (flags.renew) page.renew(flags.renew, flags.renewAfter);
  // When every script that is in the page has run, deferred ones and modules too, and registered what it wants to hear.
  new Promise((ready) => {
    if (document.readyState === "complete") setTimeout(ready);
    addEventListener("DOMContentLoaded", ready);
    addEventListener("pageshow", ready); // for a script that comes after that, but before the page is complete
  }).then(() => page.reconnect());
}
