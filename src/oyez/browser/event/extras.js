// What few pages want of event.js, which loads this file when it does: a badge, and one connection for all tabs. A module.

export { badge } from "./badge.js";
export { openShare } from "./sharing/tab.js";
