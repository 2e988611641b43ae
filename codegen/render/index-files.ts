import { bracketed } from "./fit.ts";
import { createImports } from "./imports.ts";
import type { Layout } from "./layout.ts";
import { exportsOf, type GeneratedFile, header, type PackageModel } from "./package-model.ts";
import { fillTemplate } from "./templates.ts";

/** Exports of one package: values, and types. */
interface Exports {
  readonly file: string;
  readonly values: readonly string[];
  readonly types: readonly string[];
}

/**
 * `index.ts` with the kinds, clients and types of all resources, `controllers.ts` with all that is for controllers, and `streams.ts` with the
 * servers and clients of streamed kinds.
 * Packages without resources are imported by their own path.
 */
export function renderIndexFiles(packages: readonly PackageModel[], layout: Layout): readonly GeneratedFile[] {
  const withResources = packages.filter(({ resources }) => resources.length > 0);
  const imports = createImports(["kinds"]);
  const kinds = withResources.flatMap((pkg) => {
    const module = layout.importOutput("index.ts", layout.packageFile(pkg.packageName));
    return pkg.resources.map((message) => imports.value(exportsOf.kind(message), module));
  });
  const anyKind = imports.type("AnyKind", layout.importRuntime("index.ts"));
  const tables = layout.importOutput("index.ts", layout.tablesFile);

  const index = fillTemplate("index", {
    header: header("all packages"),
    imports: imports.render(),
    exports: [
      ...exportStatements(
        withResources.map((pkg) => resourceExports(pkg, layout)),
        "index.ts",
        layout,
      ),
      `export { tables } from "${tables}";`,
    ],
    kinds: bracketed(`export const kinds: readonly ${anyKind}[] = `, "[]", kinds, ";"),
  });
  const controllers = exportStatements(
    packages.map((pkg) => controllerExports(pkg, layout)),
    "controllers.ts",
    layout,
  );
  const streams = exportStatements(
    packages.map((pkg) => streamExports(pkg, layout)),
    "streams.ts",
    layout,
  );
  const more = [
    { path: "controllers.ts", statements: controllers },
    { path: "streams.ts", statements: streams },
  ].filter(({ statements }) => statements.length > 0);
  return [
    { path: "index.ts", content: index },
    ...more.map(({ path, statements }) => ({
      path,
      content: `${header("all packages")}\n${statements.join("\n")}\n`,
    })),
  ];
}

const resourceExports = ({ packageName, resources }: PackageModel, layout: Layout): Exports => ({
  file: layout.packageFile(packageName),
  values: resources.flatMap((message) =>
    [exportsOf.kind, exportsOf.type, exportsOf.createClient].map((nameOf) => nameOf(message)),
  ),
  types: resources.flatMap((message) => [message.localName, exportsOf.client(message)]),
});

const controllerExports = ({ packageName, resources, snapshots }: PackageModel, layout: Layout): Exports => ({
  file: layout.controllersFile(packageName),
  values: [
    ...snapshots.flatMap((message) => [exportsOf.snapshotShape(message), exportsOf.createEventLoop(message)]),
    ...resources.map(exportsOf.createReconciler),
  ],
  types: [
    ...snapshots.flatMap((message) => [message.localName, exportsOf.syncer(message)]),
    ...resources.map(exportsOf.reconciler),
  ],
});

function streamExports({ packageName, resources }: PackageModel, layout: Layout): Exports {
  const streamed = resources.filter(({ resource }) => resource.streamed);
  return {
    file: layout.streamsFile(packageName),
    values: streamed.flatMap((message) => [
      exportsOf.createStreamServer(message),
      exportsOf.createStreamClient(message),
    ]),
    types: streamed.flatMap((message) => [exportsOf.streamServer(message), exportsOf.streamClient(message)]),
  };
}

/** A name that two packages export is in neither's list: their files are then imported by path. */
function exportStatements(all: readonly Exports[], file: string, layout: Layout): readonly string[] {
  const counts = new Map<string, number>();
  for (const { values, types } of all) {
    for (const name of [...values, ...types]) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const unique = (names: readonly string[]): readonly string[] => names.filter((name) => counts.get(name) === 1).sort();
  return all.flatMap(({ file: source, values, types }) => {
    const from = ` from "${layout.importOutput(file, source)}";`;
    return [
      { keyword: "export ", names: unique(values) },
      { keyword: "export type ", names: unique(types) },
    ]
      .filter(({ names }) => names.length > 0)
      .map(({ keyword, names }) => bracketed(keyword, "{}", names, from));
  });
}
