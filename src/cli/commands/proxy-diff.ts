import type { ProxyReport } from "../../control-plane/index.ts";
import type { Invocation } from "../command.ts";
import { askAdmin } from "../proxy/ask-admin.ts";
import { connectedProxy, givenContents } from "../proxy/connected-proxies.ts";
import { type RunningResource, runningResources } from "../proxy/running-resources.ts";
import { renderTable } from "../tables/table.ts";
import type { proxyDiffOptions } from "./proxy-specs.ts";

interface Difference {
  readonly type: string;
  readonly name: string;
  readonly served: string | undefined;
  /** Undefined: it has nothing of that name. */
  readonly has: string | undefined;
  readonly why: string;
}

/** `epoxy proxy diff`. Resolves to 1 if there are differences. */
export async function proxyDiff({
  values,
  arguments: [id],
  terminal,
  signal,
}: Invocation<typeof proxyDiffOptions>): Promise<number> {
  const proxy = await connectedProxy(values["admin-address"], id, signal);
  const envoy = values["envoy-admin"];
  const what = "Envoy's admin page (--envoy-admin)";
  const differences = isServed(proxy)
    ? envoy === undefined
      ? unacknowledged(proxy)
      : againstEnvoy(
          proxy,
          await askAdmin(envoy, "/config_dump?include_eds", what, signal),
          await compareBy(proxy, values["admin-address"], signal),
        )
    : proxy.types.map(({ type }) => unserved(proxy.role, type));
  if (values.json) terminal.out(`${JSON.stringify({ proxy: proxy.id, differences }, undefined, 2)}\n`);
  else if (differences.length > 0) {
    terminal.out(
      renderTable({
        headers: ["Type", "Name", "Served", envoy === undefined ? "Given" : "Runs", "Why"],
        rows: differences.map(({ type, name, served, has, why }) => [type, name, short(served), short(has), why]),
      }),
    );
  } else {
    const does = envoy === undefined ? "has acknowledged" : "runs";
    terminal.out(`${proxy.id} ${does} everything as it is served\n`);
  }
  return differences.length === 0 ? 0 : 1;
}

const short = (version: string | undefined): string => version?.slice(0, 12) ?? "-";

/** Whether its role, which may be misspelt, is one that there is anything for. */
function isServed({ types }: ProxyReport): boolean {
  return types.length === 0 || types.some(({ state, resources }) => state !== "not sent" || resources.length > 0);
}

function unserved(role: string, type: string): Difference {
  return { type, name: "*", served: undefined, has: undefined, why: `nothing is served for the role ${role}` };
}

function unacknowledged({ types }: ProxyReport): readonly Difference[] {
  return types.flatMap(({ type, resources }) =>
    resources
      .filter(({ state }) => state !== "synced")
      .map(({ name, served, given, state, reason }) => ({
        ...{ type, name, served, has: state === "refused" ? given : undefined },
        why: reason === undefined ? (words[state] ?? state) : `refused: ${reason}`,
      })),
  );
}

const words: Readonly<Record<string, string>> = {
  stale: "not acknowledged yet",
  refused: "refused",
  "not sent": "not sent yet",
  removing: "to be removed once nothing uses it",
};

/** Whether what Envoy runs of a type is known not to be the version that it is given. */
type Differs = (typeUrl: string, has: RunningResource, given: string) => boolean;

async function compareBy({ id, mode }: ProxyReport, address: string, signal: AbortSignal): Promise<Differs> {
  if (mode === "delta") return (_, { version }, given) => version !== "" && version !== given;
  // In state of the world a version is that of a whole response, which tells nothing of one resource: so contents are compared.
  const { contents } = await givenContents(address, id, signal);
  const { digestOfJson } = await import("../../control-plane/index.ts");
  return (typeUrl, { content }, given) => {
    const wanted = contents[given];
    const has = wanted === undefined || content === undefined ? undefined : digestOfJson(typeUrl, content);
    return has !== undefined && has !== wanted;
  };
}

function againstEnvoy({ types }: ProxyReport, dump: unknown, differs: Differs): readonly Difference[] {
  return types.flatMap(({ typeUrl, type, resources }): readonly Difference[] => {
    const running = runningResources(dump, typeUrl);
    if (running === undefined) return [];
    const due = resources.filter(
      ({ given, state }) => (given !== undefined && state !== "removing") || state === "refused",
    );
    const changed = due.flatMap(({ name, served, given, state, reason }): Difference[] => {
      const runs = running.get(name);
      const has = runs?.version;
      if (given === undefined && has === undefined) return [{ type, name, served, has, why: `refused: ${reason}` }];
      const refused = state === "refused" ? `; its version now is refused: ${reason}` : "";
      if (runs === undefined) return [{ type, name, served, has, why: `Envoy doesn't have it${refused}` }];
      if (given !== undefined && differs(typeUrl, runs, given))
        return [{ type, name, served, has, why: `Envoy runs another version${refused}` }];
      return state === "refused" ? [{ type, name, served, has: given, why: `refused: ${reason}` }] : [];
    });
    const names = new Set(due.map(({ name }) => name));
    const surplus = [...running].filter(([name]) => !names.has(name));
    return [
      ...changed,
      ...surplus.map(([name, { version: has }]) => ({
        type,
        name,
        served: undefined,
        has,
        why: "Envoy has it, the control plane doesn't",
      })),
    ];
  });
}
