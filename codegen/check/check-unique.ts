import type { MessageModel, Model } from "../model/model.ts";
import { controllerNames, packageNames } from "../render/package-model.ts";
import type { Diagnostic } from "./diagnostic.ts";

/**
 * Whether names are given once: kinds, plurals and short names over all kinds, since they are looked up together on the
 * command line and a plural is a folder's name in file storage; and what generated files declare.
 */
export function checkUnique(model: Model): readonly Diagnostic[] {
  const messages = [...model.messages.values()];
  return [...checkKinds(messages), ...checkShortNames(messages), ...checkDeclarations(messages)];
}

function checkKinds(messages: readonly MessageModel[]): readonly Diagnostic[] {
  const kinds = new Map<string, MessageModel>();
  const plurals = new Map<string, MessageModel>();
  const diagnostics: Diagnostic[] = [];
  for (const message of messages) {
    const { resource } = message;
    if (resource === undefined) continue;
    const kind = `${resource.group}/${resource.kind}`;
    const sameKind = kinds.get(kind);
    if (sameKind !== undefined) {
      diagnostics.push(
        ...twice(
          message,
          sameKind,
          `kind ${resource.kind} of the group ${resource.group}`,
          "Rename one by kind:, or give it another group.",
        ),
      );
      continue;
    }
    kinds.set(kind, message);
    const samePlural = plurals.get(resource.plural);
    if (samePlural !== undefined && resource.plural !== "") {
      diagnostics.push(
        ...twice(
          message,
          samePlural,
          `plural "${resource.plural}"`,
          "It names a folder and a command's argument: change one.",
        ),
      );
    }
    plurals.set(resource.plural, samePlural ?? message);
  }
  return diagnostics;
}

function checkShortNames(messages: readonly MessageModel[]): readonly Diagnostic[] {
  const resources = messages.filter(({ resource }) => resource !== undefined);
  const owners = new Map<string, MessageModel>();
  for (const message of resources) if (message.resource !== undefined) owners.set(message.resource.plural, message);
  const diagnostics: Diagnostic[] = [];
  for (const message of resources) {
    for (const name of message.resource?.shortNames ?? []) {
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, message);
      else diagnostics.push(...twice(message, owner, `short name "${name}"`, "Remove or change one."));
    }
  }
  return diagnostics;
}

/** Messages of a package whose generated names are the same, such as a resource Foo and a message FooClient. */
function checkDeclarations(messages: readonly MessageModel[]): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const namesOf of [fileNames, controllerNames]) {
    const owners = new Map<string, MessageModel>();
    for (const message of messages.filter(({ generate }) => generate)) {
      for (const name of namesOf(message)) {
        const key = `${message.packageName}/${name}`;
        const owner = owners.get(key);
        if (owner === undefined) owners.set(key, message);
        else diagnostics.push(...twice(message, owner, `generated name ${name}`, "Rename one of the messages."));
      }
    }
  }
  return diagnostics;
}

const fileNames = (message: MessageModel): readonly string[] =>
  message.resource === undefined ? packageNames(message) : [message.localName, ...packageNames(message)];

/** Only mistakes that involve a file to generate are reported: the others can't be mended here. */
function twice(later: MessageModel, first: MessageModel, what: string, remedy: string): readonly Diagnostic[] {
  if (!later.generate && !first.generate) return [];
  const [at, other] = later.generate ? [later, first] : [first, later];
  const where = other.resource?.position ?? other.position;
  return [
    {
      position: at.resource?.position ?? at.position,
      message: `${at.localName} and ${other.localName} (${where.file}:${where.line}) have the same ${what}. ${remedy}`,
    },
  ];
}
