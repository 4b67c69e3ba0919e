// What the test pages load beside socket.io-client: a log of all that a page hears, and two ways to listen.
"use strict";
const heard = [];
let noteMore = () => {};

function hear(name, data = null) {
  heard.push([name, data]);
  noteMore();
}

// Resolves when more than `seen` things were heard, or time is up.
function more(seen, ms) {
  if (heard.length > seen) return Promise.resolve();
  return new Promise((resolve) => {
    noteMore = resolve;
    setTimeout(resolve, ms);
  });
}

// The first way: a socket that reports everything, and follows channels if there are any.
let socket;
function openSession(url, options, channels, start) {
  let last = start;
  socket = io(url, options);
  socket.io.on("open", () => {
    const engine = socket.io.engine;
    hear("transport", engine.transport.name);
    engine.on("upgrade", (transport) => hear("transport", transport.name));
  });
  socket.on("connect", () => {
    hear("connect");
    if (!channels.length) return;
    socket.emit("start-msg", { start: last });
    socket.emit("set-filter", { filter: channels });
  });
  socket.on("disconnect", (reason) => hear("disconnect", reason));
  socket.on("connect_error", (error) => hear("connect_error", error.message));
  socket.onAny((name, data) => hear(name, data));
  socket.on("message", (event) => { last = event.id; });
}

// The second way: the receiver of a judge site's page, which leaves with the page and comes back with it.
class EventReceiver {
  constructor(url, channels, last, onmessage) {
    Object.assign(this, { url, channels, last: last || 0, onmessage, onwsclose: null, socket: null });
    window.addEventListener("pagehide", () => this.disconnect());
    window.addEventListener("pageshow", () => this.socket || this.reconnect());
    this.reconnect();
  }

  reconnect() {
    this.disconnect();
    this.socket = io(this.url, {
      auth: { role: "client" },
      reconnectionAttempts: 10,
      reconnectionDelay: 1000,
      reconnectionDelayMax: 5000,
      timeout: 10000,
    });
    this.socket.on("connect", () => {
      this.socket.emit("start-msg", { start: this.last });
      this.socket.emit("set-filter", { filter: this.channels });
    });
    this.socket.on("message", (event) => {
      this.onmessage(event.message);
      this.last = event.id;
    });
    this.socket.on("error", (error) => console.error("event daemon:", error));
    this.socket.on("disconnect", (reason) => this.onwsclose && this.onwsclose({ code: 1006, reason }));
  }

  disconnect() {
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.disconnect();
  }

  updateChannels(channels) {
    this.channels = channels;
    if (this.socket && this.socket.connected) this.socket.emit("set-filter", { filter: channels });
  }
}

for (const name of ["pagehide", "pageshow"]) window.addEventListener(name, (event) => hear(name, event.persisted));
document.addEventListener("visibilitychange", () => hear("visibility", document.visibilityState));
