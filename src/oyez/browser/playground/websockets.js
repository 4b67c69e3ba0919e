/* The two doors that are WebSockets. A door is described in doors.js. */

import { settings } from "./daemon.js";

/* What the two WebSocket doors share. A subclass has path(), opened(), subscribe() and take(data). */
class SocketDoor {
  constructor(link) {
    this.link = link;
  }

  connect(channels, last) {
    this.channels = channels;
    this.last = last;
    if (this.mayAsk) this.subscribe();
    else if (!this.socket) this.open();
  }

  open() {
    const url = new URL(this.path(), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = this.socket = new WebSocket(url);
    socket.onopen = () => this.opened();
    socket.onmessage = ({data}) => this.take(data);
    socket.onclose = () => this.link.lost();
  }

  close() {
    const socket = this.socket;
    this.socket = null;
    this.mayAsk = false;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/* Engine.IO 4 and Socket.IO 5 over one WebSocket. */
export class SocketIODoor extends SocketDoor {
  path() {
    return `${settings.socketio}?EIO=4&transport=websocket`;
  }

  opened() {}                                            // the daemon speaks first

  close() {
    clearTimeout(this.silence);
    super.close();
  }

  subscribe() {
    if (this.last) this.emit("start-msg", {start: this.last});
    this.emit("set-filter", {filter: this.channels});
  }

  emit(...event) {
    this.socket.send("42" + JSON.stringify(event));
  }

  take(packet) {
    if (typeof packet !== "string") return;              // an attachment, which this page leaves out
    if (packet[0] === "0") {
      const open = JSON.parse(packet.slice(1));
      this.patience = open.pingInterval + open.pingTimeout;
      this.socket.send("40");
    } else if (packet[0] === "2") {
      this.socket.send("3");
    } else if (packet.startsWith("40")) {
      this.mayAsk = true;
      this.subscribe();
    } else if (packet.startsWith("42")) {
      this.hear(...JSON.parse(packet.slice(2)));
    } else if (packet.startsWith("45")) {                // with attachments
      this.hear(...JSON.parse(packet.slice(packet.indexOf("-") + 1)));
    } else if (packet.startsWith("44")) {
      this.link.refused(JSON.parse(packet.slice(2)).message);
    }
    if (this.socket) this.watch();
  }

  /* Give the connection up when the daemon is silent for longer than it promised. */
  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.link.lost(), this.patience);
  }

  hear(name, data) {
    if (name === "message") {
      this.link.event(data);
    } else if (name === "status") {                      // the answer to start-msg never has `recovered`
      if (!this.last || "recovered" in data) this.link.joined();
    } else if (name === "gap") {
      this.link.gap(data);
    } else if (name === "revoked") {
      this.link.revoked(data);
    } else if (name === "error") {
      if (data.code === "server-capacity") this.link.full();
      else this.link.refused(data);
    }
  }
}

/* JSON in, JSON out. Its pings stay within the browser, so a daemon that hangs goes unnoticed here. */
export class RawDoor extends SocketDoor {
  path() {
    return settings.websocket;
  }

  opened() {
    this.mayAsk = true;
    this.subscribe();
  }

  subscribe() {
    if (this.last) this.send({command: "start-msg", start: this.last});
    this.send({command: "set-filter", filter: this.channels, notify: true});
  }

  send(command) {
    this.socket.send(JSON.stringify(command));
  }

  take(text) {
    const frame = JSON.parse(text);
    if (!("status" in frame)) this.link.event(frame);
    else if (frame.status === "success") this.link.joined();
    else if (frame.status === "gap") this.link.gap(frame);
    else if (frame.status === "revoked") this.link.revoked(frame);
    else this.link.refused(frame);
  }
}
