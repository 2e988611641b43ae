import type { MessageModel, Model } from "../model/model.ts";
import { docComment, functionHead } from "./fit.ts";
import { createImports, type Imports } from "./imports.ts";
import { isEpoxyPackage, type Layout } from "./layout.ts";
import { controllerNames, exportsOf, type GeneratedFile, header, type PackageModel } from "./package-model.ts";
import { fillTemplate } from "./templates.ts";

/**
 * A package's snapshots, event loops and reconcilers; undefined if it has none. They have a file of their own: programs
 * that only read and write resources then don't load what controllers need, and two packages may watch each other's kinds.
 */
export function renderControllersFile(pkg: PackageModel, model: Model, layout: Layout): GeneratedFile | undefined {
  if (pkg.resources.length === 0 && pkg.snapshots.length === 0) return undefined;
  const file = layout.controllersFile(pkg.packageName);
  const imports = createImports(pkg.messages.flatMap(controllerNames));
  const own = layout.importOutput(file, layout.packageFile(pkg.packageName));
  const runtime = layout.importRuntime(file, "controllers");

  const context = {
    header: header(`the package ${pkg.packageName}`),
    snapshots: pkg.snapshots.map((message) => {
      const shape = exportsOf.snapshotShape(message);
      const description = message.snapshot?.description ?? "";
      return {
        name: message.localName,
        doc: docComment(`The kinds that a ${message.localName} holds, by the name of their list.`),
        typeDoc: docComment(
          message.comment === "" ? description || `The snapshot ${message.localName}.` : message.comment,
        ),
        shape,
        type: `${imports.type("Snapshot", runtime)}<typeof ${shape}>`,
        members: message.fields.map((field) => ({
          name: field.localName,
          kind: importKind(model.messages.get(field.type.name), file, imports, layout),
        })),
        syncer: exportsOf.syncer(message),
        syncerType: `${imports.type("Syncer", runtime)}<typeof ${shape}>`,
        createLoop: functionHead(
          exportsOf.createEventLoop(message),
          [
            `sources: ${imports.type("SnapshotSources", runtime)}<typeof ${shape}>`,
            `syncer: ${exportsOf.syncer(message)}`,
            `options?: ${imports.type("EventLoopOptions", runtime)}<typeof ${shape}>`,
          ],
          `${imports.type("EventLoop", runtime)}<typeof ${shape}>`,
        ),
        createEventLoop: imports.value("createEventLoop", runtime),
      };
    }),
    resources: pkg.resources.map((message) => {
      const name = imports.type(message.localName, own);
      return {
        kind: message.resource.kind,
        reconciler: exportsOf.reconciler(message),
        type: `${imports.type("Reconciler", runtime)}<${name}>`,
        createHead: functionHead(
          exportsOf.createReconciler(message),
          [
            `client: ${imports.type(exportsOf.client(message), own)}`,
            `options: ${imports.type("ReconcilerOptions", runtime)}<${name}>`,
          ],
          exportsOf.reconciler(message),
        ),
        createReconciler: imports.value("createReconciler", runtime),
      };
    }),
  };
  return { path: file, content: fillTemplate("controllers", { ...context, imports: imports.render() }) };
}

function importKind(message: MessageModel | undefined, file: string, imports: Imports, layout: Layout): string {
  if (message === undefined)
    throw new Error("a snapshot's member has no message: it should not have passed the checks");
  const module =
    !message.generate && isEpoxyPackage(message.packageName)
      ? layout.epoxyKinds
      : layout.importOutput(file, layout.packageFile(message.packageName));
  return imports.value(exportsOf.kind(message), module);
}
