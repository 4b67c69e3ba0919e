// A receiver's state, shown in the page.

const WORDS = { live: "live", reconnecting: "reconnecting\u2026", stale: "out of date, reconnecting\u2026" };
const LOOKS = "position:fixed;right:0;bottom:0;padding:4px 8px;background:#222;color:#fff;font:12px sans-serif;z-index:9999";

// Show the state in an element; without one, in a corner of the page. Returns how to show it anew.
export function badge(receiver, element) {
  if (!element) {
    element = (document.body || document.documentElement).appendChild(document.createElement("div"));
    element.style.cssText = LOOKS; // by script: no policy forbids that
  }
  const words = { ...WORDS, ...receiver.words };
  const show = () => (element.textContent = words[(element.dataset.state = receiver.state)]);
  element.setAttribute("role", "status");
  show();
  return show;
}
