// What a site's own TypeScript may write; tsc has to agree, and to refuse the marked lines.
import { EventReceiver, type OyezEvent, type OyezState } from "../../../../src/oyez/browser/event.mjs";

interface Verdict {
  type: "test-case" | "grading-end";
  id: number;
}

const receiver = new EventReceiver<Verdict>(
  "https://judge.example",
  ["sub_1", "submissions"],
  "1795391142426",
  (message: Verdict, event: OyezEvent<Verdict>) => console.log(message.type, event.id, event.channel),
  { badge: true, share: true, ongap: (channels) => console.log(channels.join()), onstate: (state: OyezState) => state },
);
receiver.onwsclose = ({ code, reason }) => console.log(code, reason);
receiver.ongap = null;
receiver.updateChannels(["sub_2"], receiver.last_msg);
receiver.disconnect();
receiver.reconnect();
receiver.badge(document.createElement("output"));
receiver.renew("/grants.json");
receiver.renew(async () => ["sub_1"], 3600);
receiver.renew(() => ["sub_1"]);

new EventReceiver("wss://judge.example/event/", "/channels/", ["sub_1"], 0, null);
EventReceiver.page?.updateChannels(new Set(["a"]));
document.addEventListener("oyez:gap", ({ detail }) => detail.channels.length);
document.addEventListener("oyez:message", ({ detail }) => detail.id.toFixed());
window.EventReceiver = EventReceiver;

// @ts-expect-error names are no number
receiver.renew(() => 1);
// @ts-expect-error no callback
new EventReceiver("", ["sub_1"], 0);
// @ts-expect-error a channel is no list
new EventReceiver("", 1, 0, null);
// @ts-expect-error there is no such state
receiver.onstate = (state: "dead") => state;
// @ts-expect-error changed by updateChannels
receiver.channels = [];
