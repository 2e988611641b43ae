import { EpoxyError } from "../errors/index.ts";
import { quote } from "./json-context.ts";

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

/**
 * Whether labels meet a selector; no selector is met by all. As in Kubernetes, `NotEquals` and `NotIn` hold where
 * the label is absent, and `GreaterThan` and `LessThan` compare whole numbers.
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 */
export function matchesSelector(
  selector: Selector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector === undefined) return true;
  const present = labels ?? {};
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (!Object.hasOwn(present, key) || present[key] !== value) return false;
  }
  return (selector.expressions ?? []).every((expression) => matchesExpression(expression, present));
}

function matchesExpression(expression: SelectorExpression, labels: Readonly<Record<string, string>>): boolean {
  const { key, operator, values } = expression;
  const label = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "Exists":
      return label !== undefined;
    case "DoesNotExist":
      return label === undefined;
    case "Equals":
    case "DoubleEquals":
    case "In":
      return label !== undefined && values.includes(label);
    case "NotEquals":
    case "NotIn":
      return label === undefined || !values.includes(label);
    case "GreaterThan":
    case "LessThan": {
      const limit = values[0];
      if (label === undefined || limit === undefined || !isWholeNumber(label) || !isWholeNumber(limit)) return false;
      return operator === "GreaterThan" ? BigInt(label) > BigInt(limit) : BigInt(label) < BigInt(limit);
    }
    default:
      return false;
  }
}

const isWholeNumber = (text: string): boolean => /^[+-]?\d{1,30}$/.test(text) && !text.startsWith("+");

/** A selector in kubectl's syntax; {@link parseSelector} reads it. */
export function formatSelector(selector: Selector): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  return [...labels, ...(selector.expressions ?? []).map(formatExpression)].join(",");
}

function formatExpression({ key, operator, values }: SelectorExpression): string {
  switch (operator) {
    case "Exists":
      return key;
    case "DoesNotExist":
      return `!${key}`;
    case "Equals":
      return `${key}=${values[0] ?? ""}`;
    case "DoubleEquals":
      return `${key}==${values[0] ?? ""}`;
    case "NotEquals":
      return `${key}!=${values[0] ?? ""}`;
    case "GreaterThan":
      return `${key}>${values[0] ?? ""}`;
    case "LessThan":
      return `${key}<${values[0] ?? ""}`;
    case "In":
      return `${key} in (${values.join(",")})`;
    default:
      return `${key} notin (${values.join(",")})`;
  }
}

/** A label's value, or the part of its key after the slash. Source: Kubernetes, "Syntax and character set". */
const namePattern = /^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

/** What may stand before the slash of a label's key. */
const prefixPattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;

/**
 * Parses kubectl's syntax: `a=b`, `a==b`, `a!=b`, `a in (x, y)`, `a notin (x)`, `a`, `!a`, `a>1`, `a<1`, joined by
 * commas. An empty text selects all.
 * @throws `invalid` with the position
 */
export function parseSelector(text: string): Selector {
  const scanner = new Scanner(text);
  const expressions: SelectorExpression[] = [];
  if (scanner.peek() === "") return {};
  for (;;) {
    expressions.push(parseExpression(scanner));
    if (scanner.peek() === "") return { expressions };
    scanner.expect(",");
  }
}

function parseExpression(scanner: Scanner): SelectorExpression {
  if (scanner.peek() === "!") {
    scanner.take();
    return { key: scanner.key(), operator: "DoesNotExist", values: [] };
  }
  const key = scanner.key();
  const operator = scanner.peek();
  switch (operator) {
    case "":
    case ",":
      return { key, operator: "Exists", values: [] };
    case "=":
    case "==":
    case "!=":
      scanner.take();
      return {
        key,
        operator: operator === "=" ? "Equals" : operator === "==" ? "DoubleEquals" : "NotEquals",
        values: [scanner.value()],
      };
    case ">":
    case "<": {
      scanner.take();
      const value = scanner.value();
      if (!isWholeNumber(value)) scanner.fail(`"${operator}" compares whole numbers, found ${quote(value)}`);
      return { key, operator: operator === ">" ? "GreaterThan" : "LessThan", values: [value] };
    }
    case "in":
    case "notin": {
      scanner.take();
      return { key, operator: operator === "in" ? "In" : "NotIn", values: scanner.values() };
    }
    default:
      return scanner.fail(`expected one of = == != in notin < > or a comma after ${quote(key)}`);
  }
}

class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token without taking it; empty at the end. */
  peek(): string {
    while (/\s/.test(this.#text.charAt(this.#position))) this.#position++;
    return /^(?:==|!=|[=!<>(),]|[^\s=!<>(),]+)/.exec(this.#text.slice(this.#position))?.[0] ?? "";
  }

  take(): string {
    const token = this.peek();
    this.#position += token.length;
    return token;
  }

  expect(token: string): void {
    if (this.peek() !== token) this.fail(`expected "${token}"`);
    this.take();
  }

  key(): string {
    const key = this.peek();
    if (key === "" || /^[=!<>(),]/.test(key)) this.fail("expected a label's key");
    const [name = "", prefix, ...more] = key.split("/").toReversed();
    const prefixIsGood = prefix === undefined || (prefix.length <= 253 && prefixPattern.test(prefix));
    if (!namePattern.test(name) || !prefixIsGood || more.length > 0) {
      this.fail(
        `${quote(key)} can't be a label's key: at most 63 letters, digits, "-", "_", "." after an optional prefix and "/"`,
      );
    }
    return this.take();
  }

  value(): string {
    const value = this.peek();
    if (value === "" || value === "," || value === ")") return "";
    if (!namePattern.test(value)) {
      this.fail(`${quote(value)} can't be a label's value: at most 63 letters, digits, "-", "_", "."`);
    }
    return this.take();
  }

  values(): readonly string[] {
    this.expect("(");
    const values = [this.value()];
    while (this.peek() === ",") {
      this.take();
      values.push(this.value());
    }
    this.expect(")");
    return values;
  }

  fail(detail: string): never {
    const column = this.#position + 1;
    throw new EpoxyError("invalid", `label selector ${quote(this.#text, 200)}, column ${column}: ${detail}`, {
      location: { source: this.#text, line: 1, column },
    });
  }
}
