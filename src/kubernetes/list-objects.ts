import { kubeFailure } from "./kube-errors.ts";
import type { KubeList } from "./kube-client.ts";
import { type KubeObject, type KubeResource, type KubeScope, objectPath, resourceName } from "./kube-object.ts";
import type { KubeTransport } from "./kube-transport.ts";

const PAGE = 500;

interface Page {
  readonly items?: readonly KubeObject[] | null;
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Reads all pages. One that the server can't give any more, because history was compacted meanwhile, makes it start again. */
export async function listAll(
  transport: KubeTransport,
  resource: KubeResource,
  { namespace, labelSelector, fieldSelector }: KubeScope,
  signal: AbortSignal,
): Promise<KubeList<KubeObject>> {
  const what = `listing ${resourceName(resource)}${namespace === undefined ? "" : ` in ${namespace}`}`;
  const path = objectPath(resource, namespace);
  let items: KubeObject[] = [];
  let next: string | undefined;
  for (;;) {
    const query = { limit: PAGE, labelSelector, fieldSelector, continue: next };
    let page: Page;
    try {
      page = (await transport.call({ what, method: "GET", path, query, signal })) as Page;
    } catch (error) {
      if (next === undefined || kubeFailure(error)?.httpStatus !== 410) throw error;
      items = [];
      next = undefined;
      continue;
    }
    items = items.length === 0 ? [...(page.items ?? [])] : items.concat(page.items ?? []);
    next = page.metadata?.continue || undefined;
    if (next === undefined) return { items, resourceVersion: page.metadata?.resourceVersion ?? "" };
  }
}
