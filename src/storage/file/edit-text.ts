import { extname } from "node:path";
import type { Status } from "../../../generated/proto/epoxy/core/v1/status.ts";
import {
  type EditedText,
  editSpec,
  editStatusIn,
  type Kind,
  parseResources,
  type Ref,
  renderResource,
  type Resource,
} from "../../resources/index.ts";

/** The text of a file with the resource in place of its stored version, or added. What is JSON stays JSON. */
export function withResource<T extends Resource>(
  kind: Kind<T>,
  path: string,
  text: string,
  resource: T,
  defaultNamespace: string,
): string {
  const edited = editSpec(text, kind, resource, { defaultNamespace });
  return extname(path) === ".json" && !isJson(edited) ? asJson(kind, text, path, resource) : edited;
}

/** The text of a file with one reporter's status set, the text itself if it says so already; and what it holds, as far as that came up. */
export function withStatus<T extends Resource>(
  kind: Kind<T>,
  path: string,
  text: string,
  ref: Ref,
  reporter: string,
  status: Status,
): EditedText<T> {
  const options = { defaultNamespace: ref.namespace };
  const edited = editStatusIn(text, kind, ref, reporter, status, options, path);
  if (extname(path) !== ".json" || isJson(edited.text)) return edited;
  const [document] = parseResources(kind, edited.text, path, options).documents;
  return document === undefined ? edited : { text: asJson(kind, text, path, document.resource) };
}

/** A JSON file holds one resource, and no comment that could be lost. */
function asJson<T extends Resource>(kind: Kind<T>, text: string, path: string, resource: T): string {
  const shape = parseResources(kind, text, path).documents[0]?.shape ?? "bare";
  return renderResource(kind, resource, { format: "json", shape });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
