// Three ways to listen without a library: DMOJ's receiver, VNOJ's dispatcher, and the browser's own EventSource.
//
// The first two do on the wire what `resources/event.js` of those sites does: the same commands, paths, headers and waits in
// the same order. They are no copies: the sites' licence is not this project's.
"use strict";

// DMOJ: a WebSocket; where it does not open in time, long polls for ever. It never comes back by itself.
class WebSocketOrPoll {
  constructor(websocket, poller, channels, last, onmessage, patience = 2000) {
    Object.assign(this, { poller, channels, last, onmessage, onwsclose: null });
    if (!window.WebSocket) return void this.poll();
    this.socket = new WebSocket(websocket);
    const opening = setTimeout(() => {
      this.socket.close();
      this.socket = null;
      this.poll();
    }, patience);
    this.socket.onopen = () => {
      clearTimeout(opening);
      this.socket.send(JSON.stringify({ command: "start-msg", start: last }));
      this.socket.send(JSON.stringify({ command: "set-filter", filter: channels }));
    };
    this.socket.onmessage = (frame) => this.take(JSON.parse(frame.data));
    this.socket.onclose = (event) => event.code !== 1000 && this.onwsclose && this.onwsclose(event);
  }

  take(data) {
    this.onmessage(data.message);
    this.last = data.id;
  }

  poll() {
    pollOnce(this.poller + this.channels.join("|"), this.last, (data) => this.take(data), () => this.poll());
  }
}

// One long poll, as jQuery sends it: an event is taken, and what comes next begins at once, after a mistake in two seconds.
function pollOnce(address, last, take, next) {
  const request = new XMLHttpRequest();
  request.open("GET", `${address}?last=${last}`);
  request.setRequestHeader("Accept", "application/json, text/javascript, */*; q=0.01");
  request.responseType = "json";
  request.onabort = () => { request.onloadend = null; };
  request.onloadend = () => {
    hear("poll", request.status);
    const isEvent = request.status === 200 && request.response !== null;
    if (isEvent) take(request.response);
    setTimeout(next, isEvent || request.status === 504 ? 0 : 2000);
  };
  request.send();
  return request;
}

// VNOJ: one WebSocket for all parts of a page, opened for the first of them. Each adds its channels when it likes; 200 ms
// after the last, as soon as the socket is ready, all are sent anew. With `auto_reconnect` it comes back after a second, for
// ever. A browser without WebSockets polls, anew for each channel that is added.
class Dispatcher {
  constructor(websocket, poller, last) {
    Object.assign(this, { websocket, poller, last, auto_reconnect: false, onwsclose: null });
    Object.assign(this, { events: {}, channels: [], socket: null, asking: null, polling: null, begun: false });
  }

  on(channel, callback) {
    if (!this.begun) {
      this.begun = true;
      if (window.WebSocket) this.connect();
      else this.poll();
    }
    if (!this.events[channel]) {
      this.events[channel] = [];
      this.channels.push(channel);
      this.ask();
    }
    this.events[channel].push(callback);
  }

  ask() {
    if (!window.WebSocket) {
      this.polling.abort();
      return void this.poll();
    }
    clearTimeout(this.asking);
    this.asking = setTimeout(() => {
      if (!this.socket || !this.socket.isReady || this.socket.readyState !== WebSocket.OPEN) return void this.ask();
      this.socket.send(JSON.stringify({ command: "set-filter", filter: this.channels }));
    }, 200);
  }

  connect() {
    this.socket = new WebSocket(this.websocket);
    this.socket.onopen = () => {
      this.socket.send(JSON.stringify({ command: "start-msg", start: this.last }));
      this.socket.isReady = true;
    };
    this.socket.onmessage = (frame) => this.take(JSON.parse(frame.data));
    this.socket.onclose = (event) => {
      hear("wsclose", event.code);
      if (this.auto_reconnect) {
        this.socket = null;
        setTimeout(() => this.connect(), 1000);
        this.ask();
      } else if (event.code !== 1000 && this.onwsclose) this.onwsclose(event);
    };
  }

  poll() {
    const address = this.poller + this.channels.join("|");
    this.polling = pollOnce(address, this.last, (data) => this.take(data), () => this.poll());
  }

  // What nobody has asked for is dropped; the tests are told.
  take(data) {
    for (const callback of this.find(data.channel) || [(message) => hear("stray", message)]) callback(data.message);
    this.last = data.id;
  }

  find(channel) {
    return this.events[channel];
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
