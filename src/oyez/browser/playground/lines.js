/* The lines that do elsewhere what a listener does here: in a page, in a shell, in Python. Whatever a channel is called, each
   line is one of its language. */

import { address, settings } from "./daemon.js";
import { receiverAddresses } from "./receiver.js";
import { NOT_POLLED, canBePolled, escaped, pollPath } from "./requests.js";

export const PLACES = ["page", "curl", "Python"];

/* Return [lines, remark] for a listener's door, channels and newest id, in one of the places. */
export function linesFor(door, channels, last, place) {
  if (door === "long poll" && !canBePolled(channels)) return ["", `None: ${NOT_POLLED}.`];
  const [lines, remark = ""] = WRITERS[door][place](channels, last);
  return [lines, remark];
}

const AS_A_STREAM = "curl cannot speak what this door speaks: these are the same events as a stream";
const FROM_CHECKOUT = "It comes with Oyez: pip install, with the path of the checkout.";

const WRITERS = {
  "event.js": {
    page: (channels) => [receiverPage(channels)],
    curl: (channels) => [streamCurl(below("sse"), channels), `${AS_A_STREAM}, below the same path.`],
    Python: (channels) => [clientPython(channels), FROM_CHECKOUT],
  },
  "Socket.IO": {
    page: (channels) => [socketioPage(channels), "The first line is the site's copy of socket.io-client, version 4."],
    curl: (channels) => [streamCurl(below("sse"), channels), `${AS_A_STREAM}, below the same path.`],
    Python: (channels) => [socketioPython(channels), "It needs: pip install 'python-socketio[client]'"],
  },
  "raw WebSocket": {
    page: (channels) => [rawPage(channels)],
    curl: (channels) => [streamCurl(beside("sse"), channels), `${AS_A_STREAM}.`],
    Python: (channels) => [rawPython(channels), "It needs: pip install websockets"],
  },
  "event stream": {
    page: (channels) => [streamPage(channels)],
    curl: (channels) => [streamCurl(beside("sse"), channels)],
    Python: (channels) => [clientPython(channels), FROM_CHECKOUT],
  },
  "long poll": {
    page: (channels) => [pollPage(channels)],
    curl: (channels, last) => [`curl ${shell(`${polled(channels)}?last=${last}`)}`, "It waits for the next event, and ends with it."],
    Python: (channels) => [pollPython(channels)],
  },
};

// --- What lines are made of ---------------------------------------------------------------------------------------------

const beside = (path) => new URL(path, address).href;
const below = (path) => new URL(settings.socketio + path, address).href;
const socketAddress = () => new URL(settings.websocket, address).href.replace(/^http/, "ws");

const streamed = (url, channels) => `${url}?${channels.map((name) => `channel=${escaped(name)}`).join("&")}`;
const polled = (channels) => address + pollPath(channels);

/* JSON is JavaScript and Python too. In a page, a text must not end the script that it is in. */
const python = (value) => Array.isArray(value) ? `[${value.map(python).join(", ")}]` : JSON.stringify(value);
const script = (value) => python(value).replace(/</g, "\\u003c");
const shell = (url) => `'${url}'`;

const inScript = (lines) => `<script>\n${lines}\n</script>`;
const streamCurl = (url, channels) => `curl -N ${shell(streamed(url, channels))}`;

// --- Pages --------------------------------------------------------------------------------------------------------------

const receiverPage = (channels) => `<script src="${beside("event.js")}"></script>
${inScript(`  // 0: begin with the newest few. A site writes the newest id of the time when it rendered the page.
  const receiver = new EventReceiver(${receiverAddresses().map(script).join(", ")}, ${script(channels)}, 0, (message, event) => {
    console.log(event.channel, event.id, message);
  });
  receiver.ongap = () => location.reload(); // something is gone for good`)}`;

const socketioPage = (channels) => `<script src="/socket.io.min.js"></script>
${inScript(`  const socket = io(${script(new URL(address).origin)}, { path: ${script(new URL(below("")).pathname)} });
  let last = 0; // the newest id that the page has; 0: begin with the newest few
  socket.on("connect", () => {
    socket.emit("start-msg", { start: last });
    socket.emit("set-filter", { filter: ${script(channels)} });
  });
  socket.on("message", (event) => {
    last = event.id;
    console.log(event.channel, event.id, event.message);
  });
  socket.on("gap", () => location.reload()); // something is gone for good`)}`;

const rawPage = (channels) => inScript(`  let last = 0; // the newest id that the page has; 0: begin with the newest few
  function listen() {
    const socket = new WebSocket(${script(socketAddress())});
    socket.onopen = () => {
      socket.send(JSON.stringify({ command: "start-msg", start: last }));
      socket.send(JSON.stringify({ command: "set-filter", filter: ${script(channels)}, notify: true }));
    };
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.status === "gap") location.reload(); // something is gone for good
      if ("status" in frame) return;
      last = frame.id;
      console.log(frame.channel, frame.id, frame.message);
    };
    socket.onclose = () => setTimeout(listen, 1000 + 2000 * Math.random());
  }
  listen();`);

const streamPage = (channels) => inScript(`  const source = new EventSource(${script(streamed(beside("sse"), channels))});
  source.onmessage = (record) => {
    const event = JSON.parse(record.data);
    console.log(event.channel, event.id, event.message);
  };
  source.addEventListener("gap", () => location.reload()); // something is gone for good`);

const pollPage = (channels) => inScript(`  async function listen(last) { // the newest id that the page has; 0: begin with the newest few
    for (;;) {
      try {
        const answer = await fetch(${script(`${polled(channels)}?last=`)} + last, { cache: "no-store" });
        if (answer.headers.has("Oyez-Gap")) return location.reload(); // something is gone for good
        if (answer.status === 504) continue; // nothing came; ask again
        if (!answer.ok) throw new Error(answer.status);
        const event = await answer.json();
        console.log(event.channel, event.id, event.message);
        last = event.id;
      } catch {
        await new Promise((resume) => setTimeout(resume, 1000 + 2000 * Math.random()));
      }
    }
  }
  listen(0);`);

// --- Python -------------------------------------------------------------------------------------------------------------

const clientPython = (channels) => `from oyez.client import listen

for arrival in listen(${python(address.replace(/\/$/, ""))}, ${python(channels)}):
    print(arrival)`;

const socketioPython = (channels) => `import socketio

client = socketio.Client()
last = 0  # the newest id that you have; 0: begin with the newest few


@client.event
def connect():
    client.emit("start-msg", {"start": last})
    client.emit("set-filter", {"filter": ${python(channels)}})


@client.event
def message(event):
    global last
    last = event["id"]
    print(event)


client.on("gap", print)
client.connect(${python(new URL(address).origin)}, socketio_path=${python(new URL(below("")).pathname)})
client.wait()`;

const rawPython = (channels) => `import json

from websockets.sync.client import connect

last = 0  # the newest id that you have; 0: begin with the newest few
with connect(${python(socketAddress())}) as socket:
    socket.send(json.dumps({"command": "start-msg", "start": last}))
    socket.send(json.dumps({"command": "set-filter", "filter": ${python(channels)}, "notify": True}))
    for frame in socket:
        print(json.loads(frame))`;

const pollPython = (channels) => `import json
from urllib.error import HTTPError
from urllib.request import urlopen

last = 0  # the newest id that you have; 0: begin with the newest few
while True:
    try:
        with urlopen(${python(`${polled(channels)}?last=`)} + str(last)) as answer:
            event = json.load(answer)
    except HTTPError as error:
        if error.code != 504:  # nothing came; ask again
            raise
    else:
        print(event)
        last = event["id"]`;
