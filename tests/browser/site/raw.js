// Three ways to listen without a library: DMOJ's receiver, VNOJ's dispatcher, and the browser's own EventSource.
"use strict";

// DMOJ: a WebSocket; where it does not open in time, long polls for ever. It never comes back by itself.
class WebSocketOrPoll {
  constructor(websocket, poller, channels, last, onmessage, patience = 2000) {
    Object.assign(this, { poller, channels, last, onmessage, onwsclose: null });
    this.socket = new WebSocket(websocket);
    const opening = setTimeout(() => {
      this.socket.close();
      this.socket = null;
      this.poll();
    }, patience);
    this.socket.onopen = () => {
      clearTimeout(opening);
      this.socket.send(JSON.stringify({ command: "start-msg", start: this.last }));
      this.socket.send(JSON.stringify({ command: "set-filter", filter: this.channels }));
    };
    this.socket.onmessage = (frame) => this.take(JSON.parse(frame.data));
    this.socket.onclose = (event) => event.code !== 1000 && this.onwsclose && this.onwsclose(event);
  }

  take(data) {
    this.onmessage(data.message);
    this.last = data.id;
  }

  poll() {
    const request = new XMLHttpRequest();
    request.open("GET", `${this.poller}${this.channels.join("|")}?last=${this.last}`);
    request.responseType = "json";
    request.onloadend = () => {
      hear("poll", request.status);
      if (request.status === 200) this.take(request.response);
      if (request.status === 200 || request.status === 504) this.poll();
      else setTimeout(() => this.poll(), 2000);
    };
    request.send();
  }
}

// VNOJ: one WebSocket for all parts of a page; each adds its channels when it likes, and comes back every second.
class Dispatcher {
  constructor(websocket, last) {
    Object.assign(this, { websocket, last, callbacks: new Map(), asking: null, socket: null });
    this.connect();
  }

  on(channel, callback) {
    this.callbacks.set(channel, [...(this.callbacks.get(channel) || []), callback]);
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.ask(), 200);
  }

  ask() {
    if (this.socket.readyState !== WebSocket.OPEN || !this.callbacks.size) return;
    this.socket.send(JSON.stringify({ command: "set-filter", filter: [...this.callbacks.keys()] }));
  }

  connect() {
    this.socket = new WebSocket(this.websocket);
    this.socket.onopen = () => {
      this.socket.send(JSON.stringify({ command: "start-msg", start: this.last }));
      this.ask();
    };
    this.socket.onmessage = (frame) => {
      const data = JSON.parse(frame.data);
      this.last = data.id;
      for (const callback of this.callbacks.get(data.channel) || [(event) => hear("stray", event)]) callback(data.message);
    };
    this.socket.onclose = (event) => {
      hear("wsclose", event.code);
      setTimeout(() => this.connect(), 1000);
    };
  }
}

// What every browser has.
let stream;
function openStream(url) {
  stream = new EventSource(url);
  for (const name of ["status", "gap"]) stream.addEventListener(name, (event) => hear(name, JSON.parse(event.data)));
  stream.onmessage = (event) => hear("message", JSON.parse(event.data));
  stream.onopen = () => hear("open");
  stream.onerror = () => hear("error", stream.readyState);
}
