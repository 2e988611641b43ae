import { type ResourceKey, refKey } from "../resources/index.ts";

/** What there is to say of one resource; each text once, in the order in which they came. */
export interface ResourceReport {
  readonly key: ResourceKey;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  /** Notes that aren't warnings. */
  readonly messages: readonly string[];
}

type Severity = "error" | "warning" | "message";

/** Reports of many resources, gathered by translators. A resource that was accepted has a report without texts. */
export class ResourceReports implements Iterable<ResourceReport> {
  readonly #reports = new Map<string, MutableReport>();

  get size(): number {
    return this.#reports.size;
  }

  /** Says that a resource was judged. What was said of it before stays. */
  accept(...keys: readonly ResourceKey[]): this {
    for (const key of keys) this.#report(key);
    return this;
  }

  add(key: ResourceKey, severity: Severity, ...texts: readonly string[]): this {
    const report = this.#report(key);
    const list = severity === "error" ? report.errors : severity === "warning" ? report.warnings : report.messages;
    for (const text of texts) if (!list.includes(text)) list.push(text);
    return this;
  }

  merge(reports: Iterable<ResourceReport>): this {
    for (const { key, errors, warnings, messages } of reports) {
      this.accept(key)
        .add(key, "error", ...errors)
        .add(key, "warning", ...warnings)
        .add(key, "message", ...messages);
    }
    return this;
  }

  get(key: ResourceKey): ResourceReport | undefined {
    return this.#reports.get(textOf(key));
  }

  hasErrors(): boolean {
    return [...this].some(({ errors }) => errors.length > 0);
  }

  /** Sorted by kind, namespace and name. */
  [Symbol.iterator](): Iterator<ResourceReport> {
    const sorted = [...this.#reports].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted.map(([, report]) => report).values();
  }

  #report(key: ResourceKey): MutableReport {
    const text = textOf(key);
    let report = this.#reports.get(text);
    if (report === undefined) this.#reports.set(text, (report = { key, errors: [], warnings: [], messages: [] }));
    return report;
  }
}

interface MutableReport extends ResourceReport {
  readonly errors: string[];
  readonly warnings: string[];
  readonly messages: string[];
}

const textOf = ({ kind, ref }: ResourceKey): string => `${kind}/${refKey(ref)}`;
