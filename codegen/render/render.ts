import type { Model } from "../model/model.ts";
import type { GeneratorOptions } from "../options.ts";
import { renderControllersFile } from "./controllers-file.ts";
import { renderDocsFiles } from "./docs/docs-files.ts";
import { renderIndexFiles } from "./index-files.ts";
import { createLayout, isEpoxyPackage, type Layout } from "./layout.ts";
import { type GeneratedFile, header, isOptionsPackage, packagesOf } from "./package-model.ts";
import { renderPackageFile } from "./package-file.ts";
import { renderSchemaFiles } from "./schema/schema-files.ts";
import { tableText } from "./table-text.ts";
import { fillTemplate } from "./templates.ts";

/** All files for a model that has passed the checks, in order of path. */
export function render(model: Model, options: GeneratorOptions): readonly GeneratedFile[] {
  if (options.emit === "schema") return renderSchemaFiles(model);
  if (options.emit === "docs") return renderDocsFiles(model);
  const layout = createLayout(options);
  const tables = renderTables(model, layout);
  if (options.emit === "tables") return [tables];
  const packages = packagesOf(model);
  const files = [
    tables,
    ...renderIndexFiles(packages, layout),
    ...packages.map((pkg) => renderPackageFile(pkg, layout)),
    ...packages.flatMap((pkg) => renderControllersFile(pkg, model, layout) ?? []),
  ];
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

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
