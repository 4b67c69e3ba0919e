// What event.js adds to the page, for those who check the types of its source. Those for pages are in ../event.d.ts.
interface Window {
  EventReceiver: any;
}
