// What event.js adds to the page, as its own source sees it. What pages see of it is in event.d.ts.
interface Window {
  EventReceiver: any;
}
