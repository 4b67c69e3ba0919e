/* The doors: five ways to listen.

   Every door has
     connect(channels, last)  follow these from behind this id; on a door that is open, change over to them
     close()                  end it; the link hears no more
   and tells its link: joined(), event(data), gap(data), reached(id), refused(text), full(), connecting(), lost(afterMs). */

import { settings } from "./daemon.js";
import { ReceiverDoor } from "./receiver.js";
import { PollDoor, StreamDoor } from "./requests.js";
import { RawDoor, SocketIODoor } from "./websockets.js";

export const DOORS = new Map([
  ["event.js", ReceiverDoor],
  ["Socket.IO", SocketIODoor],
  ["raw WebSocket", RawDoor],
  ["event stream", StreamDoor],
  ["long poll", PollDoor],
]);
if (!settings.websocket) DOORS.delete("raw WebSocket");
