// Where event-extras.js is.

import { script } from "./script.js";

// Where the daemon has its files, for a script within the page, which has nothing beside it. Known once a receiver was made.
let home;

export function haveFilesAt(url) {
  home = url;
}

export function importExtras() {
  return import(script?.src === "" && home ? `${home}event-extras.js` : "./event-extras.js");
}
