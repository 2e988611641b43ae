/** One requirement on a label. `Equals`, `DoubleEquals` and `NotEquals` take one value, `Exists` and `DoesNotExist` none. */
export interface SelectorExpression {
  readonly key: string;
  readonly operator:
    | "Equals"
    | "DoubleEquals"
    | "NotEquals"
    | "In"
    | "NotIn"
    | "Exists"
    | "DoesNotExist"
    | "GreaterThan"
    | "LessThan";
  readonly values: readonly string[];
}

/** Which labels a resource must have. Everything given must hold. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>> | undefined;
  readonly expressions?: readonly SelectorExpression[] | undefined;
}
