import type { Model } from "../model/model.ts";
import type { Emit, GeneratorOptions } from "../options.ts";
import { renderControllersFile } from "./controllers-file.ts";
import { renderCrdFiles } from "./crds/crd-files.ts";
import { renderDocsFiles } from "./docs/docs-files.ts";
import { renderIndexFiles } from "./index-files.ts";
import { createLayout, isEpoxyPackage, type Layout } from "./layout.ts";
import { type GeneratedFile, header, isOptionsPackage, packagesOf } from "./package-model.ts";
import { renderPackageFile } from "./package-file.ts";
import { renderSchemaFiles } from "./schema/schema-files.ts";
import { renderStreamsFile } from "./streams-file.ts";
import { tableText } from "./table-text.ts";
import { fillTemplate } from "./templates.ts";

/** All files for a model that has passed the checks, in order of path. */
export function render(model: Model, options: GeneratorOptions): readonly GeneratedFile[] {
  if (options.emit.length === 1) return options.emit.flatMap((emit) => renderers[emit](model, options));
  return options.emit
    .flatMap((emit) =>
      renderers[emit](model, options).map(({ path, content }) => ({ path: `${emit}/${path}`, content })),
    )
    .sort(byPath);
}

type Render = (model: Model, options: GeneratorOptions) => readonly GeneratedFile[];

const renderers: Readonly<Record<Emit, Render>> = {
  sdk: renderSdk,
  tables: (model, options) => [renderTables(model, createLayout(options))],
  schema: renderSchemaFiles,
  docs: renderDocsFiles,
  crds: renderCrdFiles,
};

function renderSdk(model: Model, options: GeneratorOptions): readonly GeneratedFile[] {
  const layout = createLayout(options);
  const packages = packagesOf(model);
  const files = [
    renderTables(model, layout),
    ...renderIndexFiles(packages, layout),
    ...packages.map((pkg) => renderPackageFile(pkg, layout)),
    ...packages.flatMap((pkg) => renderControllersFile(pkg, model, layout) ?? []),
    ...packages.flatMap((pkg) => renderStreamsFile(pkg, layout) ?? []),
  ];
  return files.sort(byPath);
}

const byPath = (a: GeneratedFile, b: GeneratedFile): number => (a.path < b.path ? -1 : 1);

function renderTables(model: Model, layout: Layout): GeneratedFile {
  const importsEpoxy = model.files.some(
    ({ generate, packageName }) => !generate && isEpoxyPackage(packageName) && !isOptionsPackage(packageName),
  );
  const content = fillTemplate("tables", {
    header: header("all packages"),
    runtime: layout.importRuntime(layout.tablesFile),
    imported: importsEpoxy ? layout.epoxyKinds : "",
    text: tableText(model, isEpoxyPackage),
  });
  return { path: layout.tablesFile, content };
}
