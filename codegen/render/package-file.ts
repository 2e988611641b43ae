import type { ColumnModel, MessageModel } from "../model/model.ts";
import { bracketed, docComment, fit, functionHead } from "./fit.ts";
import { createImports } from "./imports.ts";
import type { Layout } from "./layout.ts";
import { exportsOf, type GeneratedFile, header, type PackageModel, packageNames } from "./package-model.ts";
import { fillTemplate } from "./templates.ts";

/** A package's message types, kinds and clients. */
export function renderPackageFile(model: PackageModel, layout: Layout): GeneratedFile {
  const file = layout.packageFile(model.packageName);
  const interfaces = model.resources.map(({ localName }) => localName).sort();
  const imports = createImports(["kinds", ...model.messages.flatMap(packageNames)]);
  // Messages come first: if a name is also one of the runtime's, it is the runtime's that is imported under another.
  const messages = model.messages.map((message) => ({
    message,
    name: imports.type(message.localName, layout.importMessages(file, message.file)),
  }));
  const runtimeType = (name: string): string => imports.type(name, layout.importRuntime(file));
  const tables = imports.value("tables", layout.importOutput(file, layout.tablesFile));

  const context = {
    header: header(`the package ${model.packageName}`),
    exported: interfaces.length > 0 && bracketed("export type ", "{}", interfaces, ";"),
    resources: model.resources.map((message) => ({
      resource: message.resource,
      doc: docComment(message.comment === "" ? `The kind ${message.resource.kind}.` : message.comment),
      kindName: exportsOf.kind(message),
      kindType: `${runtimeType("Kind")}<${message.localName}>`,
      type: `${tables}.message(${JSON.stringify(message.typeName)})`,
      columns: columnList(message.resource.columns),
      clientName: exportsOf.client(message),
      clientType: `${runtimeType("ResourceClient")}<${message.localName}>`,
      createClient: functionHead(
        exportsOf.createClient(message),
        [`storage: ${runtimeType("Storage")}`],
        exportsOf.client(message),
      ),
    })),
    kinds: bracketed(
      `export const kinds: readonly ${runtimeType("AnyKind")}[] = `,
      "[]",
      model.resources.map(exportsOf.kind),
      ";",
    ),
    types: messages.map(({ message, name }) => {
      const type = `${runtimeType("MessageType")}<${name}>`;
      return { typeName: message.typeName, declaration: typeConstant(exportsOf.type(message), type, tables, message) };
    }),
  };
  return { path: file, content: fillTemplate("package", { ...context, imports: imports.render() }) };
}

/** Too long a line is broken in the call, or before it if that isn't enough. */
function typeConstant(name: string, type: string, tables: string, message: MessageModel): string {
  const left = `export const ${name}: ${type} =`;
  const call = `${tables}.message`;
  const typeName = JSON.stringify(message.typeName);
  const brokenInCall = fit(`${left} ${call}(`, `${left}\n  ${call}(${typeName});`);
  return fit(
    `${left} ${call}(${typeName});`,
    brokenInCall.endsWith("(") ? `${brokenInCall}\n  ${typeName},\n);` : brokenInCall,
  );
}

/** The columns of a kind. Formatters want several objects one a line, and a single one on the line of its list. */
function columnList(columns: readonly ColumnModel[]): string {
  const items = columns.map(
    ({ header: title, path, wide }) =>
      `{ header: ${JSON.stringify(title)}, path: ${JSON.stringify(path)}, wide: ${wide} }`,
  );
  return items.length < 2 ? `[${items.join("")}]` : `[\n${items.map((item) => `    ${item},\n`).join("")}  ]`;
}
