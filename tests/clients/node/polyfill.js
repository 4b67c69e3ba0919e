// Follows a URL with event-source-polyfill, as pages do whose browsers lack EventSource or its headers, and writes each event as
// a line. It ends with its stdin.
const { EventSourcePolyfill } = require("event-source-polyfill");

const source = new EventSourcePolyfill(process.argv[2]);
source.onmessage = (event) => console.log(event.data);
process.stdin.on("end", () => process.exit()).resume();
