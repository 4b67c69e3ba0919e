export * from "./event.js";
export { default } from "./event.js";
