export { watch$ } from "./watch-observable.ts";
