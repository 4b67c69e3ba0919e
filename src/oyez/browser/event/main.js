// What event.js does when a page loads it: it sets window.EventReceiver, and follows what the script element names.
//
// A map of these files is in docs/explanation/event-js.md; what pages may use of them is in docs/reference/javascript.md.

import { watchPage } from "./page.js";
import { EventReceiver } from "./receiver.js";
import { script } from "./script.js";
import { followTag } from "./tag.js";

// Each tag of a page may bring the script again, and perhaps another version of it: the first stays, and follows for all.
// Without `follow`, the class is that of another event.js (LQDOJ's, DMOJ's), which this one replaces.
if (self.EventReceiver?.follow) {
  self.EventReceiver.follow(script);
} else {
  watchPage();
  self.EventReceiver = EventReceiver;
  EventReceiver.follow = followTag;
  followTag(script);
}
