/* The door that is event.js, the project's own client: it finds its way and comes back by itself. A door is described in
   doors.js. */

import { address, settings } from "./daemon.js";
import { askRefusal } from "./requests.js";

const USUAL_PATH = "/socket.io/";

/* event.js tells the browser's log of a refusal, and the page only that it is not live. Soon after, it is asked for. */
const REFUSED_BY_MS = 500;

/* Return the addresses that event.js is constructed with: one, or where Socket.IO's path is another, two of the doors below. */
export function receiverAddresses() {
  const below = new URL(settings.socketio, address).href;
  return settings.socketio === USUAL_PATH ? [address.replace(/\/$/, "")]
    : [`${below.replace("http", "ws")}event/`, `${below}channels/`];
}

export class ReceiverDoor {
  constructor(link) {
    this.link = link;
  }

  connect(channels, last) {
    if (!self.EventReceiver) return this.link.refused("event.js could not be loaded");
    if (!channels.length) return this.link.refused("name a channel");
    this.receiver ||= this.construct(channels, last);
    this.receiver.updateChannels(channels, last);
    if (!this.isOpen) this.receiver.reconnect();         // where it was, when the link was cut
    this.isOpen = true;
    if (this.receiver.state === "live") this.link.joined();
    else this.suspect();
  }

  suspect() {
    clearTimeout(this.suspicion);
    this.suspicion = setTimeout(async () => {
      const channels = this.receiver.channels;
      const refusal = this.isOpen && this.receiver.state !== "live" && await askRefusal(channels);
      if (!refusal || !this.isOpen || channels !== this.receiver.channels) return;
      this.close();
      this.link.refused(refusal);
    }, REFUSED_BY_MS);
  }

  construct(channels, last) {
    const receiver = new EventReceiver(...receiverAddresses(), channels, last, null, {paused: true});
    receiver.onmessage = (_, event) => { if (this.isOpen) this.link.event(event); };
    receiver.ongap = (channels) => { for (const channel of channels) this.link.gap({channel}); };
    receiver.onstate = (state) => {
      if (!this.isOpen) return;
      if (state === "live") this.link.joined();
      else {
        this.link.connecting();
        this.suspect();
      }
    };
    return receiver;
  }

  close() {
    this.isOpen = false;
    if (this.receiver) this.receiver.disconnect();
  }
}
