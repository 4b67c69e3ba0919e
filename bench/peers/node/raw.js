// The peer that Oyez's raw WebSocket door is compared with: listeners on one port, posters on another, one JSON object a
// frame (docs/reference/websocket.md). Listeners are found by channel and each event is written as JSON once.
// usage: node raw.js GET_PORT POST_PORT
"use strict";
const { WebSocketServer } = require("ws");

const [getPort, postPort] = process.argv.slice(2).map(Number);
const HISTORY_SIZE = 50;

let lastId = Date.now();
const history = [];
const followers = new Map(); // channel -> set of sockets

function publish({ channel, message }) {
  const event = { id: ++lastId, channel, message };
  history.push(event);
  if (history.length > HISTORY_SIZE) history.shift();
  const text = JSON.stringify(event);
  for (const socket of followers.get(channel) ?? []) socket.send(text);
  return event.id;
}

function leave(socket) {
  for (const channel of socket.channels) followers.get(channel)?.delete(socket);
}

function setFilter(socket, channels) {
  leave(socket);
  socket.channels = new Set(channels);
  for (const channel of socket.channels) {
    if (!followers.has(channel)) followers.set(channel, new Set());
    followers.get(channel).add(socket);
  }
  for (const event of history) {
    if (event.id > socket.start && socket.channels.has(event.channel)) socket.send(JSON.stringify(event));
  }
}

new WebSocketServer({ port: getPort, host: "127.0.0.1", perMessageDeflate: false, backlog: 4096 }).on(
  "connection",
  (socket) => {
    socket.channels = new Set();
    socket.start = 0;
    socket.on("message", (data) => {
      const request = JSON.parse(data);
      if (request.command === "start-msg") socket.start = Number(request.start) || 0;
      else if (request.command === "set-filter") setFilter(socket, request.filter);
    });
    socket.on("close", () => leave(socket));
  },
);

new WebSocketServer({ port: postPort, host: "127.0.0.1", perMessageDeflate: false }).on("connection", (socket) => {
  socket.on("message", (data) => {
    const request = JSON.parse(data);
    const id = request.command === "post" ? publish(request) : lastId;
    socket.send(JSON.stringify({ status: "success", id }));
  });
});
