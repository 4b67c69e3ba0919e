// What few pages want of event.js, which loads this file when it does: a badge, one connection for all tabs, and new grants. A module.

export { badge } from "./badge.js";
export { renew } from "./grants.js";
export { openShare } from "./sharing/tab.js";
