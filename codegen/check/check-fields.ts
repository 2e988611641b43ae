import type { FieldModel, MessageModel } from "../model/model.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** Whether every key of the message's JSON means one thing: names, JSON names, aliases and keys of older formats. */
export function checkFields(message: MessageModel): readonly Diagnostic[] {
  const owners = new Map<string, FieldModel>();
  for (const field of message.fields) {
    owners.set(field.name, field);
    owners.set(field.jsonName, field);
  }
  const diagnostics: Diagnostic[] = [];
  for (const field of message.fields) {
    for (const alias of [...field.aliases, ...field.singleAliases]) {
      const owner = owners.get(alias);
      if (!/^[A-Za-z_]\w*$/.test(alias)) {
        diagnostics.push({
          position: field.position,
          message: `alias "${alias}" of ${message.localName}.${field.name} is no name. Use letters, digits and "_".`,
        });
      } else if (owner === field) {
        diagnostics.push({
          position: field.position,
          message: `alias "${alias}" of ${message.localName}.${field.name} is a name that it has already. Remove the alias.`,
        });
      } else if (owner !== undefined) {
        diagnostics.push({
          position: field.position,
          message: `alias "${alias}" of ${message.localName}.${field.name} also means the field "${owner.name}" (line ${owner.position.line}). Remove one of the two.`,
        });
      } else {
        owners.set(alias, field);
      }
    }
    if (field.singleAliases.length > 0 && field.cardinality !== "repeated") {
      diagnostics.push({
        position: field.position,
        message: `${message.localName}.${field.name} has single_aliases, but is no list. Use aliases.`,
      });
    }
  }
  for (const key of message.inlineKeys) {
    const owner = owners.get(key);
    if (owner === undefined) continue;
    diagnostics.push({
      position: message.position,
      message: `inline key "${key}" of ${message.localName} also means the field "${owner.name}" (line ${owner.position.line}). Remove one of the two.`,
    });
  }
  return diagnostics;
}
