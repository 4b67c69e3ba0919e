// What happens to the page as a whole, passed on to its feeds. Must not know what a feed does about it.

// How often feeds look whether their link is silent, or a WebSocket to be had.
export const BEAT_MS = 5000;

// The feeds that are to be connected; more than one if the page has several receivers, or leads other tabs.
export const running = new Set();

export function watchPage() {
  const wake = () => running.forEach((feed) => feed.wake(true));
  addEventListener("online", wake);
  addEventListener("pageshow", wake);
  document.addEventListener("visibilitychange", () => running.forEach((feed) => (document.hidden ? feed.hide() : feed.wake(true))));
  // A browser keeps a page for its "back" only if that has no connection. The feeds stay in `running`: "pageshow" wakes them.
  addEventListener("pagehide", () => running.forEach((feed) => feed.report("cover", feed.drop())));
  setInterval(() => running.forEach((feed) => feed.beat()), BEAT_MS);
}
