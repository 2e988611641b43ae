import { checkRef, fromJson, type JsonValue, type Kind, refOf, type Resource } from "../resources/index.ts";
import type { Invocation } from "./command.ts";
import type { writeOptions } from "./options.ts";
import { printWritten } from "./print-written.ts";
import { resourceName } from "./resource-name.ts";
import { openStores } from "./stores.ts";

/**
 * Creates a resource from its fields, given as JSON without metadata, and prints it.
 * @throws UsageError, or EpoxyError `already_exists invalid unavailable`
 */
export async function createResource<T extends Resource>(
  invocation: Invocation<typeof writeOptions>,
  kind: Kind<T>,
  fields: Readonly<Record<string, JsonValue>>,
  labels: Readonly<Record<string, string>> = {},
): Promise<undefined> {
  const { values, signal } = invocation;
  const metadata = { name: resourceName(invocation.arguments, values.name), namespace: values.namespace, labels };
  const resource = fromJson(kind.type, { metadata, ...fields });
  checkRef(kind, refOf(resource));
  await using stores = await openStores(values, signal);
  const written = values["dry-run"] ? resource : await (await stores.client(kind)).write(resource, { signal });
  printWritten(invocation, kind, written, stores.statusNamespace);
  return undefined;
}
