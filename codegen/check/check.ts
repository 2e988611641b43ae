import type { Model } from "../model/model.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** All mistakes of the model's files, in order of position. Only with none is code generated. */
export function check(model: Model): readonly Diagnostic[] {
  return [];
}
