import { functionHead } from "./fit.ts";
import { createImports } from "./imports.ts";
import type { Layout } from "./layout.ts";
import { exportsOf, type GeneratedFile, header, type PackageModel, streamNames } from "./package-model.ts";
import { fillTemplate } from "./templates.ts";

/**
 * Servers and clients of a package's streamed kinds; undefined if it has none. They have a file of their own, since they load gRPC.
 */
export function renderStreamsFile(pkg: PackageModel, layout: Layout): GeneratedFile | undefined {
  const streamed = pkg.resources.filter(({ resource }) => resource.streamed);
  if (streamed.length === 0) return undefined;
  const file = layout.streamsFile(pkg.packageName);
  const imports = createImports(streamed.flatMap(streamNames));
  const own = layout.importOutput(file, layout.packageFile(pkg.packageName));
  const runtime = layout.importRuntime(file, "streams");
  const resources = streamed.map((message) => {
    const name = imports.type(message.localName, own);
    const [server, client] = [exportsOf.streamServer(message), exportsOf.streamClient(message)];
    return {
      kind: message.resource.kind,
      kindName: imports.value(exportsOf.kind(message), own),
      ...{ server, client },
      serverType: `${imports.type("StreamServer", runtime)}<${name}>`,
      serverHead: functionHead(
        exportsOf.createStreamServer(message),
        [`options: ${imports.type("StreamServerOptions", runtime)}`],
        server,
      ),
      createServer: imports.value("createStreamServer", runtime),
      clientType: `${imports.type("StreamClient", runtime)}<${name}>`,
      clientHead: functionHead(
        exportsOf.createStreamClient(message),
        [`options: ${imports.type("StreamClientOptions", runtime)}<${name}>`],
        client,
      ),
      createClient: imports.value("createStreamClient", runtime),
    };
  });
  const context = { header: header(`the package ${pkg.packageName}`), resources, imports: imports.render() };
  return { path: file, content: fillTemplate("streams", context) };
}
