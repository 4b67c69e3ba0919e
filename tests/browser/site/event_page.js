// A page of event.js: a log of all that its receivers tell, in the page's order.
"use strict";
const heard = [];
let noteMore = () => {};

function hear(name, data = null) {
  heard.push([name, data]);
  noteMore();
}

// Resolves when more than `seen` things were heard, or time is up: real time, should the page's clock be a fake.
const later = window.setTimeout.bind(window);
function more(seen, ms) {
  if (heard.length > seen) return Promise.resolve();
  return new Promise((resolve) => {
    noteMore = resolve;
    later(resolve, ms);
  });
}

// `before`: the arguments before the callback.
function receive(before, options = {}, name = "receiver") {
  window[name] = new EventReceiver(...before, (message, event) => hear("event", event), {
    ongap: (channels) => hear("gap", channels),
    onstate: (state) => hear("state", state),
    onwsclose: ({ code }) => hear("wsclose", code),
    ...options,
  });
}

for (const name of ["message", "gap", "state"]) {
  document.addEventListener(`oyez:${name}`, ({ detail }) => hear(`oyez:${name}`, detail));
}
window.addEventListener("error", (event) => hear("error", event.message));
let persisted = null;
window.addEventListener("pageshow", (event) => { persisted = event.persisted; });
