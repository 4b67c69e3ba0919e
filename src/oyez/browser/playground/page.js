/* The page: a form that posts, and listeners. */

import { askNewest } from "./daemon.js";
import { DOORS } from "./doors.js";
import { find } from "./elements.js";
import { Listener } from "./listener.js";
import { beginPosting } from "./posting.js";

const FIRST = [["sub_demo"], ["sub_demo", "submissions"], ["sub_demo", "submissions", "contest_demo"]];

/* Put one more card there; the doors take turns. */
function addListener(channels, opened) {
  const listener = new Listener([...DOORS.keys()][Listener.count % DOORS.size], channels, opened);
  find("#listeners").append(listener.root);
  return listener;
}

beginPosting();
const opened = await askNewest();
find("#add").onclick = () => addListener([find("#channel").value || "sub_demo"], opened).input.focus();
for (const channels of FIRST) addListener(channels, opened);
