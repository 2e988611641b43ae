import { EpoxyError } from "../../errors/index.ts";
import type { Kind, Ref, Resource } from "../../resources/index.ts";
import type { Problem } from "../client.ts";
import type { DriverList } from "../driver.ts";
import type { KeyLayout } from "./key-layout.ts";
import type { VaultClient } from "./vault-client.ts";
import { readVaultDocument, strayProblem, type VaultDocument } from "./vault-document.ts";

/** What is known of a kind's keys, so that only versions that are new are read. Shared by all lists and watches. */
export interface KindState<T> {
  /** Reads what there is now. @throws `unavailable`; it is never taken for an empty store */
  scan(namespaces: readonly string[] | undefined, signal: AbortSignal): Promise<DriverList<T>>;
}

/** At once, and no more: Vault may be small, and others use it, too. */
const maxReads = 8;

interface Found {
  readonly entries: readonly Ref[];
  readonly problems: readonly Problem[];
}

export function createKindState<T extends Resource>(
  client: VaultClient,
  kind: Kind<T>,
  layout: KeyLayout,
): KindState<T> {
  const documents = new Map<string, VaultDocument<T>>();
  /** Of the mount that the documents are from. */
  let mount: string | undefined;
  const placeOf = (key: string): string => `${client.mount}/data/${key}`;

  /** The resources whose keys there are, sorted out from what is none. */
  async function find(namespaces: readonly string[] | undefined, signal: AbortSignal): Promise<Found> {
    const entries: Ref[] = [];
    const problems: Problem[] = [];
    const stray = (key: string): void => {
      const location = { source: placeOf(key) };
      const text = `${location.source}: not a place for a resource, whose key is ${layout.folder}/<namespace>/<name>`;
      problems.push({
        ref: undefined,
        location,
        error: new EpoxyError("invalid", text, { location }),
        lastGoodKept: false,
      });
    };
    const take = (ref: Ref): void => {
      const problem = strayProblem(kind, ref, placeOf(layout.keyOf(ref)));
      if (problem === undefined) entries.push(ref);
      else problems.push(problem);
    };
    const isWhole = namespaces === undefined || layout.isCluster;
    const top = isWhole ? await client.list(layout.folder, signal) : namespaces.map((namespace) => `${namespace}/`);
    const folders = top.filter((name) => name.endsWith("/") && !layout.isCluster);
    for (const name of top) {
      if (layout.isCluster && !name.endsWith("/")) take({ namespace: "", name });
      else if (!folders.includes(name)) stray(`${layout.folder}/${name}`);
    }
    await eachLimited(folders, async (folder) => {
      const namespace = folder.slice(0, -1);
      for (const name of await client.list(layout.folderOf(namespace), signal)) {
        if (name.endsWith("/")) stray(`${layout.folderOf(namespace)}/${name}`);
        else take({ namespace, name });
      }
    });
    return { entries, problems };
  }

  /** The newest version of a key, read only if it isn't known. */
  async function refresh(ref: Ref, signal: AbortSignal): Promise<VaultDocument<T> | Problem | undefined> {
    const key = layout.keyOf(ref);
    const known = documents.get(key);
    if (known !== undefined) {
      const now = await client.metadata(key, signal);
      if (now === undefined) return undefined;
      if ("refusal" in now) return refusalProblem(ref, key, now.refusal);
      if (now.isGone === true) return undefined;
      const isSame = now.number === known.version.number && now.created === known.version.created;
      if (isSame && now.isGone === false && (known.stored ?? known.problem) !== undefined) return known;
    }
    const secret = await client.read(key, signal);
    if (secret === undefined) return undefined;
    if ("refusal" in secret) return refusalProblem(ref, key, secret.refusal);
    return readVaultDocument(kind, ref, placeOf(key), secret);
  }

  function refusalProblem(ref: Ref, key: string, error: EpoxyError): Problem {
    return { ref, location: { source: placeOf(key) }, error, lastGoodKept: false };
  }

  return {
    async scan(namespaces, signal) {
      const { entries, problems: strays } = await find(namespaces, signal);
      const problems: Problem[] = [...strays];
      const read = new Map<string, VaultDocument<T>>();
      let refusals = 0;
      await eachLimited(entries, async (ref) => {
        const document = await refresh(ref, signal);
        if (document === undefined) return;
        if (!("version" in document)) {
          refusals++;
          problems.push(document);
          return;
        }
        read.set(layout.keyOf(ref), document);
        if (document.problem !== undefined) problems.push(document.problem);
      });
      // A token that ended in the middle looks like one that lacks a permission: then the lists are refused now, too.
      if (refusals > 0) await find(namespaces, signal);
      const covers = ({ namespace }: Ref): boolean =>
        namespaces === undefined || layout.isCluster || namespaces.includes(namespace);
      const isRefused = (key: string): boolean => problems.some(({ location }) => location.source === placeOf(key));
      const missing = [...documents].flatMap(([key, { ref, stored }]) =>
        covers(ref) && !read.has(key) && !isRefused(key) ? [{ key, isLoss: stored !== undefined }] : [],
      );
      await checkMount(
        missing.some(({ isLoss }) => isLoss),
        signal,
      );
      for (const { key } of missing) documents.delete(key);
      for (const [key, document] of read) documents.set(key, document);
      return { entries: [...read.values()].flatMap(({ stored }) => stored ?? []), problems };
    },
  };

  /** An engine of another version, or one that was mounted anew, looks like an empty one. */
  async function checkMount(hasLost: boolean, signal: AbortSignal): Promise<void> {
    const now = await client.mountId(signal);
    if (mount !== undefined && now !== mount && hasLost) {
      const text = `Vault at ${client.address} came back without the data it had in ${client.mount}/${layout.folder}`;
      const remedy = "restore its data, or restart this process to accept the loss";
      throw new EpoxyError("unavailable", `${text}: what is known is kept; ${remedy}`);
    }
    mount = now;
  }
}

/** Runs over all items, a few at a time. The first failure is thrown once those that run have ended. */
async function eachLimited<I>(items: readonly I[], run: (item: I) => Promise<void>): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (next < items.length && failure === undefined) {
      try {
        await run(items[next++] as I);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxReads, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
