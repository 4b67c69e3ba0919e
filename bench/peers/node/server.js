// The peer that Oyez is compared with: a socket.io server with the contract's events (docs/reference/protocol.md),
// written the way such a server is usually written. One room a channel, one FIFO of recent messages for catch-up.
// usage: node server.js PORT KEY
"use strict";
const http = require("http");
const { Server } = require("socket.io");

const [port, key] = [Number(process.argv[2] || 15200), process.argv[3] || "bench"];
const HISTORY_SIZE = 50;
const MAX_CHANNELS = 10;

const server = http.createServer();
const io = new Server(server, {
  pingInterval: 25000,
  pingTimeout: 20000,
  maxHttpBufferSize: 1e6,
  perMessageDeflate: false,
  serveClient: false,
  cors: { origin: "*" },
});

let lastId = Date.now();
const history = [];

function isChannel(name) {
  return typeof name === "string" && name.length >= 1 && name.length <= 100;
}

function refuse(socket, code, message) {
  socket.emit("error", { status: "error", code, message });
}

function publish({ channel, message }) {
  const event = { id: ++lastId, channel, message };
  history.push(event);
  if (history.length > HISTORY_SIZE) history.shift();
  io.to("channel:" + channel).emit("message", event);
  return event.id;
}

function serveSender(socket) {
  socket.on("post", (event, ack) => {
    const answer = isChannel(event?.channel)
      ? { status: "success", id: publish(event) }
      : { status: "error", code: "invalid-channel", message: "Invalid channel" };
    if (typeof ack === "function") ack(answer);
    else socket.emit(answer.status === "success" ? "post-response" : "error", answer);
  });
  socket.on("last-msg", (ack) => {
    if (typeof ack === "function") ack({ status: "success", id: lastId });
    else socket.emit("last-response", { status: "success", id: lastId });
  });
}

function serveClient(socket) {
  let start = 0;
  let filter = new Set();
  socket.on("start-msg", (request) => {
    start = Number(request?.start) || 0;
    socket.emit("status", { status: "success" });
  });
  socket.on("set-filter", (request) => {
    const wanted = request?.filter;
    if (!Array.isArray(wanted) || wanted.length === 0) return refuse(socket, "invalid-filter", "Invalid filter");
    if (wanted.length > MAX_CHANNELS) {
      return refuse(socket, "too-many-subscriptions", `Maximum ${MAX_CHANNELS} subscriptions per connection`);
    }
    if (!wanted.every(isChannel)) {
      return refuse(socket, "invalid-channel", "Channel must be a non-empty string (max 100 chars)");
    }
    for (const channel of filter) socket.leave("channel:" + channel);
    filter = new Set(wanted);
    for (const channel of filter) socket.join("channel:" + channel);
    socket.emit("status", { status: "success" });
    for (const event of history) {
      if (event.id > start && filter.has(event.channel)) {
        socket.emit("message", event);
        start = event.id;
      }
    }
  });
  socket.on("last-msg", () => socket.emit("last-response", { status: "success", id: lastId }));
  socket.on("post", () => refuse(socket, "unauthorized", "Unauthorized operation"));
}

io.use((socket, next) => {
  const { role, token } = socket.handshake.auth;
  next(role === "sender" && token !== key ? new Error("Authentication failed") : undefined);
});
io.on("connection", (socket) => {
  if (socket.handshake.auth.role === "sender") serveSender(socket);
  else serveClient(socket);
});
server.listen({ port, host: "127.0.0.1", backlog: 4096 }, () => console.log(`node peer on ${port}`));
