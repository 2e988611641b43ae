import { EpoxyError } from "../errors/index.ts";
import type { Selector, SelectorExpression } from "../resources/index.ts";

type Operator = SelectorExpression["operator"];

/** How many values an operator takes, at least and at most. */
const arity: Readonly<Record<Operator, readonly [number, number]>> = {
  Equals: [1, 1],
  DoubleEquals: [1, 1],
  NotEquals: [1, 1],
  In: [1, Infinity],
  NotIn: [1, Infinity],
  Exists: [0, 0],
  DoesNotExist: [0, 0],
  GreaterThan: [1, 1],
  LessThan: [1, 1],
};

/** Refuses what can't be evaluated, so that no selector silently selects something else. @throws `invalid` */
export function checkSelector(selector: Selector | undefined): void {
  for (const { key, operator, values } of selector?.expressions ?? []) {
    if (key === "") throw new EpoxyError("invalid", "a selector's expression has an empty key: name a label");
    const bounds = Object.hasOwn(arity, operator) ? arity[operator] : undefined;
    if (bounds === undefined) {
      const known = Object.keys(arity).join(", ");
      throw new EpoxyError(
        "invalid",
        `unknown operator ${JSON.stringify(operator)} in a selector on ${key}: use one of ${known}`,
      );
    }
    const [least, most] = bounds;
    if (values.length < least || values.length > most) {
      const wanted = least === most ? `${least}` : "at least 1";
      throw new EpoxyError("invalid", `operator ${operator} on ${key} has ${values.length} values: it takes ${wanted}`);
    }
  }
}
