// A socket.io server that keeps the contract of the first daemons of its kind, and does no more: one memory of the
// newest events for all channels, and no word on what is missing. For the command `oyez selftest`, which has to pass.
// usage: node contract_peer.js KEY; prints its port. PUT /fault/NAME has it break one promise from now on, on purpose.
"use strict";
const http = require("http");
const { Server } = require("socket.io");

const [key] = process.argv.slice(2);
let fault = "";
const MEMORY = 50;
const MOST_CHANNELS = 10;
const MOST_LISTENERS = 5000;

const server = http.createServer((request, answer) => {
  const wish = request.method === "PUT" && /^\/fault\/([a-z-]*)$/.exec(request.url);
  if (wish) fault = wish[1];
  answer.writeHead(wish ? 204 : 404).end(wish ? "" : "Not Found");
});
const io = new Server(server, {
  cors: { origin: "*" },
  maxHttpBufferSize: 10_000,
  perMessageDeflate: false,
  pingInterval: 25_000,
  pingTimeout: 300_000,
});

let newest = Date.now();
let listeners = 0;
const memory = [];

const success = (more) => ({ status: "success", ...more });
const failure = (code, message) => ({ status: "error", code, message });
const isChannel = (name) => typeof name === "string" && name.length >= 1 && name.length <= 100;

function publish({ channel, message }) {
  const event = { id: ++newest, channel, message };
  memory.push(event);
  if (memory.length > MEMORY) memory.shift();
  const followers = io.to(fault === "all-channels" ? "listeners" : `channel ${channel}`);
  followers.emit("message", fault === "no-message-key" && !message ? { id: event.id, channel } : event);
  if (fault === "live-doubles") followers.emit("message", event);
  return fault === "ids-as-text" ? `${event.id}` : event.id;
}

function answerSender(socket, acknowledge, event, answer) {
  if (typeof acknowledge !== "function") socket.emit(event, answer);
  else if (fault === "acks-as-events") socket.emit(event, answer);
  else if (fault !== "no-acks") acknowledge(answer);
}

function serveSender(socket) {
  socket.on("post", (event, acknowledge) => {
    if (isChannel(event.channel)) answerSender(socket, acknowledge, "post-response", success({ id: publish(event) }));
    else answerSender(socket, acknowledge, "error", failure("invalid-channel", "Invalid channel"));
  });
  socket.on("last-msg", (acknowledge) => {
    answerSender(socket, acknowledge, "last-response", success({ id: newest }));
  });
}

function problemOf(filter) {
  if (!Array.isArray(filter) || filter.length === 0) {
    return failure("invalid-filter", fault === "other-words" ? "The filter is invalid" : "Invalid filter");
  }
  if (filter.length > MOST_CHANNELS) {
    return failure("too-many-subscriptions", `Maximum ${MOST_CHANNELS} subscriptions per connection`);
  }
  if (!filter.every(isChannel)) {
    return failure("invalid-channel", "Channel must be a non-empty string (max 100 chars)");
  }
  return null;
}

function replay(socket, filter, cursor) {
  const missed = memory.filter((event) => event.id > cursor && filter.includes(event.channel));
  const last = missed.length ? missed[missed.length - 1].id : cursor;
  if (fault === "newest-first") missed.reverse();
  if (fault === "replay-doubles") missed.push(...missed);
  if (fault === "replay-loses-one") missed.shift();
  for (const event of missed) socket.emit("message", event);
  return last;
}

function serveListener(socket) {
  socket.join("listeners");
  let cursor = 0;
  let followed = [];
  socket.on("start-msg", (argument) => {
    cursor = argument.start || 0;
    socket.emit("status", success());
  });
  socket.on("set-filter", ({ filter }) => {
    const problem = problemOf(filter);
    if (problem) return socket.emit("error", problem);
    for (const name of followed) socket.leave(`channel ${name}`);
    for (const name of filter) socket.join(`channel ${name}`);
    followed = filter;
    if (fault === "replay-before-status") cursor = replay(socket, filter, cursor);
    socket.emit("status", success());
    cursor = replay(socket, filter, cursor);
  });
  socket.on("last-msg", () => socket.emit("last-response", success({ id: newest })));
  socket.on("post", () => socket.emit("error", failure("unauthorized", "Unauthorized operation")));
}

io.use((socket, next) => {
  const { role, token } = socket.handshake.auth;
  const refused = role === "sender" && token !== key && fault !== "any-key";
  next(refused ? new Error("Authentication failed") : undefined);
});

io.on("connection", (socket) => {
  if (socket.handshake.auth.role === "sender") return serveSender(socket);
  if (listeners >= MOST_LISTENERS) {
    socket.emit("error", failure("server-capacity", "Server at capacity"));
    return socket.disconnect(true);
  }
  listeners += 1;
  socket.on("disconnect", () => (listeners -= 1));
  serveListener(socket);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
