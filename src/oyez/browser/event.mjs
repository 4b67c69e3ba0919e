// event.js for pages that import it: import { EventReceiver } from "…/event.mjs";
import "./event.js";

export const EventReceiver = globalThis.EventReceiver;
export default EventReceiver;
