// Drives socket.io-client for the Python tests: a JSON command a line on stdin, a JSON report a line on stdout.
// It uses the clients as a page does and judges nothing: what should have happened is known in Python.
//
// commands  {client, do: "open", version, url, options, channels, start}   open a socket and follow channels, if any
//           {client, do: "emit", event, args, ack}                        ack: a number to report the answer under, or null
//           {client, do: "close"}
// reports   {client, name, data}    connect, transport, disconnect, connect_error, ack, and every event of the server
"use strict";
const readline = require("node:readline");

const sockets = new Map();

function report(client, name, data = null) {
  process.stdout.write(JSON.stringify({ client, name, data }) + "\n");
}

// What a site's page does: on every connect name the last id it holds and its channels, and remember each id it is given.
function follow(socket, channels, start) {
  let last = start;
  socket.on("connect", () => {
    socket.emit("start-msg", { start: last });
    socket.emit("set-filter", { filter: channels });
  });
  socket.on("message", (event) => { last = event.id; });
}

const commands = {
  open({ client, version, url, options, channels, start }) {
    const { io } = require(`socket.io-client-${version}`);
    const socket = io(url, { forceNew: true, ...options });
    sockets.set(client, socket);
    socket.io.on("open", () => {
      const engine = socket.io.engine;
      report(client, "transport", engine.transport.name);
      engine.on("upgrade", (transport) => report(client, "transport", transport.name));
    });
    socket.on("connect", () => report(client, "connect"));
    socket.on("disconnect", (reason) => report(client, "disconnect", reason));
    socket.on("connect_error", (error) => report(client, "connect_error", error.message));
    socket.onAny((name, data) => report(client, name, data));
    if (channels.length) follow(socket, channels, start);
  },
  emit({ client, event, args, ack }) {
    const answer = ack === null ? [] : [(data) => report(client, "ack", [ack, data])];
    sockets.get(client).emit(event, ...args, ...answer);
  },
  close({ client }) {
    sockets.get(client).disconnect();
    sockets.delete(client);
  },
};

readline.createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  })
  .on("close", () => process.exit(0));
