/* The page: a form that posts, and listeners. */

import { ask, settings } from "./daemon.js";
import { DOORS } from "./doors.js";
import { find } from "./elements.js";
import { Listener } from "./listener.js";
import { beginPosting, say } from "./posting.js";

/* Put one more card there; the doors take turns. */
function addListener(channels, start) {
  const listener = new Listener([...DOORS.keys()][Listener.count % DOORS.size], channels, start);
  find("#listeners").append(listener.root);
  return listener;
}

async function begin() {
  if (!settings.websocket) DOORS.delete("raw WebSocket");
  beginPosting();
  // Listeners begin behind the newest id of the moment when the page was opened, as pages of judge sites do.
  let start = 0;
  try {
    start = (await ask("api/last")).id;
  } catch (error) {
    say("bad", error.message);
  }
  find("#add").onclick = () => addListener([find("#channel").value || "sub_demo"], start).input.focus();
  addListener(["sub_demo"], start);
  addListener(["sub_demo", "submissions"], start);
  addListener(["sub_demo", "submissions", "contest_demo"], start);
}

begin();
