import type { EnumModel, FieldModel, MessageModel, Model } from "../../model/model.ts";
import { type GeneratedFile, packagesOf, type ResourceMessage } from "../package-model.ts";
import { fillTemplate, type TemplateName } from "../templates.ts";
import { fieldType, kindPage, nameInPackage, packagePage, typeLink } from "./docs-links.ts";

/**
 * The reference in Markdown, from the comments in the protos: a page a kind, a page a package with all other messages and enums, and
 * an index, README.md.
 */
export function renderDocsFiles(model: Model): readonly GeneratedFile[] {
  const packages = packagesOf(model);
  const users = usersOf(model);
  const resources = packages.flatMap((pkg) => pkg.resources);
  const pages = [
    ...resources.map((message) => kindDocs(model, message)),
    ...packages.map(({ packageName, messages }) => {
      const page = packagePage(packageName);
      const others = messages.filter(({ resource }) => resource === undefined);
      const enums = [...model.enums.values()].filter((found) => found.generate && found.packageName === packageName);
      return fill("docs-package", page, {
        name: packageName,
        kinds: messages
          .filter(({ resource }) => resource !== undefined)
          .map((message) => kindLink(model, page, message)),
        messages: others.map((message) => messageDocs(model, page, message, users.get(message.typeName) ?? [])),
        enums: enums.map(enumDocs),
      });
    }),
    fill("docs-index", "README.md", {
      kinds: resources.map((message) => ({
        link: kindLink(model, "README.md", message),
        apiVersion: `${message.resource.group}/${message.resource.version}`,
        summary: cell(firstSentence(message.comment)),
      })),
      packages: packages.map(({ packageName }) => `[${packageName}](${packagePage(packageName)})`),
    }),
  ];
  return pages.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const fill = (template: TemplateName, path: string, context: object): GeneratedFile => ({
  path,
  content: fillTemplate(template, context),
});

const kindLink = (model: Model, page: string, { typeName }: MessageModel): string =>
  typeLink(model, page, { kind: "message", name: typeName });

function kindDocs(model: Model, message: ResourceMessage): GeneratedFile {
  const page = kindPage(message);
  const { resource } = message;
  const names = [resource.plural, resource.kind.toLowerCase(), ...resource.shortNames];
  return fill("docs-kind", page, {
    ...messageDocs(model, page, message, []),
    name: resource.kind,
    apiVersion: `${resource.group}/${resource.version}`,
    names: names.map((name) => `\`${name}\``).join(", "),
    scope: resource.scope === "cluster" ? "of the whole cluster" : "in a namespace",
    status: resource.hasStatus ? "written by control planes" : "none",
    packageLink: `[${message.packageName}](${packagePage(message.packageName)})`,
  });
}

function messageDocs(model: Model, page: string, message: MessageModel, users: readonly MessageModel[]): object {
  return {
    name: nameInPackage(message),
    comment: text(message.comment),
    users: users.map((user) => typeLink(model, page, { kind: "message", name: user.typeName })).join(", "),
    fields: message.fields.map((field) => ({
      name: field.jsonName,
      type: cell(fieldType(model, page, field)),
      description: cell([field.comment, ...notes(message, field)].filter((part) => part !== "").join(" ")),
    })),
  };
}

/** What the options of a field say of it, for people. */
function notes(message: MessageModel, field: FieldModel): readonly string[] {
  const others = message.fields.filter((other) => other !== field && other.oneof?.name === field.oneof?.name);
  const code = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(", ");
  const older = [...field.aliases, ...field.singleAliases];
  return [
    field.deprecated ? "**Deprecated.**" : "",
    field.oneof === undefined || others.length === 0 ? "" : `Excludes ${code(others.map(({ jsonName }) => jsonName))}.`,
    older.length === 0 ? "" : `Also read as ${code(older)}.`,
    field.sensitive ? "Secret: in no log or table." : "",
  ];
}

const enumDocs = (found: EnumModel): object => ({
  name: nameInPackage(found),
  comment: text(found.comment),
  values: found.values.map(({ name, comment }) => ({ name, description: cell(comment) })),
});

/** For each message, those with a field of it, in order of name. */
function usersOf(model: Model): ReadonlyMap<string, readonly MessageModel[]> {
  const users = new Map<string, Set<MessageModel>>();
  for (const message of [...model.messages.values()].sort((a, b) => (a.typeName < b.typeName ? -1 : 1))) {
    if (!message.generate) continue;
    for (const { type } of message.fields) {
      if (type.kind === "message") users.set(type.name, (users.get(type.name) ?? new Set()).add(message));
    }
  }
  return new Map([...users].map(([name, found]) => [name, [...found]]));
}

const firstSentence = (comment: string): string => /^.*?\.(?=\s|$)/s.exec(comment)?.[0] ?? comment;

/** Comments are prose: outside of code nothing in them is HTML. */
const text = (comment: string): string =>
  comment
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replaceAll("<", "&lt;") : part))
    .join("`");

/** Text for a table's cell, which is one line and ends at a bar. */
const cell = (comment: string): string =>
  text(comment)
    .replaceAll("|", "\\|")
    .replace(/\s*\n\s*/g, " ");
