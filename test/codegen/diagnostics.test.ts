import { expect, test } from "vitest";
import { generate } from "../../codegen/generate.ts";
import { compile, diagnose, head } from "./compile.ts";

const resource = (name: string, options: string, fields = "epoxy.core.v1.Metadata metadata = 1;"): string =>
  `message ${name} { option (epoxy.options.v1.resource) = {${options}}; ${fields} }\n`;
const names = (plural: string): string => `group: "acme.example.com" version: "v1" plural: "${plural}"`;

test("a resource without mistakes gets code, and no diagnostics", () => {
  const { files, errors } = generate(compile({ "a.proto": head + resource("Mesh", names("meshes")) }));
  expect(errors).toBeUndefined();
  expect(files?.map(({ path }) => path)).toContain("acme/v1.ts");
});

test("a resource without metadata is told which field to add", () => {
  expect(diagnose(resource("Mesh", names("meshes"), "string owner = 1;"))).toEqual([
    'a.proto:7:1: resource Mesh has no metadata. Add the field "epoxy.core.v1.Metadata metadata = 1;".',
  ]);
});

test("metadata of another type is refused", () => {
  expect(diagnose(resource("Mesh", names("meshes"), "string metadata = 1;"))).toEqual([
    expect.stringMatching(
      /^a\.proto:7:\d+: metadata of the resource Mesh is not a epoxy\.core\.v1\.Metadata\. Make it one/,
    ),
  ]);
});

test("a resource without plural is told one", () => {
  expect(diagnose(resource("Mesh", 'group: "acme.example.com" version: "v1"'))).toEqual([
    'a.proto:7:23: Mesh has no plural. Add one: plural: "meshes".',
  ]);
});

test("a resource that says it has a status needs the field for it", () => {
  expect(diagnose(resource("Mesh", `${names("meshes")} has_status: true`))).toEqual([
    'a.proto:7:1: resource Mesh has_status, but no field for statuses. Add the field "epoxy.core.v1.NamespacedStatuses namespaced_statuses = 2;", or remove has_status.',
  ]);
});

test("a resource with a field for statuses must say that it has a status", () => {
  const fields = "epoxy.core.v1.Metadata metadata = 1;\nepoxy.core.v1.NamespacedStatuses namespaced_statuses = 2;";
  expect(diagnose(resource("Mesh", names("meshes"), fields))).toEqual([
    'a.proto:8:1: resource Mesh has a field for statuses, but not has_status. Add "has_status: true" to its option, or remove the field.',
  ]);
});

test("two kinds with one plural name each other", () => {
  expect(diagnose(resource("Mesh", names("meshes")) + resource("Net", names("meshes")))).toEqual([
    'a.proto:8:22: Net and Mesh (a.proto:7) have the same plural "meshes". It names a folder and a command\'s argument: change one.',
  ]);
});

test("two kinds with one short name name each other", () => {
  const protos =
    resource("Mesh", `${names("meshes")} short_names: ["m"]`) + resource("Map", `${names("maps")} short_names: ["m"]`);
  expect(diagnose(protos)).toEqual([
    'a.proto:8:22: Map and Mesh (a.proto:7) have the same short name "m". Remove or change one.',
  ]);
});

test("a short name that is the plural of another kind is refused", () => {
  const protos = resource("Mesh", `${names("meshes")} short_names: ["maps"]`) + resource("Map", names("maps"));
  expect(diagnose(protos)).toEqual([
    expect.stringContaining('Mesh and Map (a.proto:8) have the same short name "maps"'),
  ]);
});

test("one kind declared twice in a group is refused", () => {
  const protos = resource("Mesh", names("meshes")) + resource("Net", `${names("nets")} kind: "Mesh"`);
  expect(diagnose(protos)).toEqual([
    expect.stringMatching(
      /^a\.proto:8:22: Net and Mesh \(a\.proto:7\) have the same kind Mesh of the group acme\.example\.com\. Rename/,
    ),
  ]);
});

test("a snapshot's member that is no resource is named, and the resource that may be meant", () => {
  const snapshot = `message AcmeSnapshot { option (epoxy.options.v1.snapshot) = {};\n  repeated Meshes meshes = 1;\n}\nmessage Meshes {}`;
  expect(diagnose(resource("Mesh", names("meshes")) + snapshot)).toEqual([
    'a.proto:9:3: member "meshes" of the snapshot AcmeSnapshot is no resource: acme.v1.Meshes has no (epoxy.options.v1.resource). Did you mean Mesh? Make it a list of resources, or remove it.',
  ]);
});

test("a snapshot's member that is no list is told how to be one", () => {
  const snapshot = "message AcmeSnapshot { option (epoxy.options.v1.snapshot) = {};\n  Mesh mesh = 1;\n}";
  expect(diagnose(resource("Mesh", names("meshes")) + snapshot)).toEqual([
    'a.proto:9:3: member "mesh" of the snapshot AcmeSnapshot is not a list. Make it "repeated Mesh mesh".',
  ]);
});

test("a snapshot's member can't take the name of the snapshot's counter", () => {
  const snapshot = "message AcmeSnapshot { option (epoxy.options.v1.snapshot) = {};\n  repeated Mesh revision = 1;\n}";
  expect(diagnose(resource("Mesh", names("meshes")) + snapshot)).toEqual([
    expect.stringMatching(/^a\.proto:9:3: member "revision" .* Rename it\.$/),
  ]);
});

test("an empty snapshot is refused", () => {
  expect(diagnose("message AcmeSnapshot { option (epoxy.options.v1.snapshot) = {}; }")).toEqual([
    'a.proto:7:31: snapshot AcmeSnapshot is empty. Add a field such as "repeated Gateway gateways = 1;".',
  ]);
});

test("a snapshot of a kind that is not generated in the same run is refused", () => {
  const other = `${head.replace("acme.v1", "other.v1")}${resource("Mesh", names("meshes"))}`;
  const request = compile({
    "a.proto": `${head}import "b.proto";\nmessage AcmeSnapshot { option (epoxy.options.v1.snapshot) = {};\n  repeated other.v1.Mesh meshes = 1;\n}`,
    "b.proto": other,
  });
  expect(generate({ ...request, fileToGenerate: ["a.proto"] }).errors).toEqual([
    expect.stringMatching(/^a\.proto:9:3: member "meshes" .* Add b\.proto to the inputs of buf\.gen\.yaml\.$/),
  ]);
});

test("a column's path to no field is refused with the nearest name", () => {
  const fields = "epoxy.core.v1.Metadata metadata = 1;\nHost host = 2;";
  const protos = `${resource("Mesh", `${names("meshes")} columns: [{header: "D", path: "host.domain"}]`, fields)}message Host { repeated string domains = 1; }`;
  expect(diagnose(protos)).toEqual([
    'a.proto:7:23: path "host.domain" of column "D": Host has no field "domain". Did you mean "domains"?',
  ]);
});

test("a column's path may lead through lists and end at a oneof, but not go on after a scalar or a map", () => {
  const fields =
    "epoxy.core.v1.Metadata metadata = 1; repeated Host hosts = 2; oneof target { string a = 3; string b = 4; }";
  const column = (path: string): readonly string[] =>
    diagnose(
      `${resource("Mesh", `${names("meshes")} columns: [{header: "C", path: "${path}"}]`, fields)}message Host { string name = 1; }`,
    );
  expect(column("hosts.name")).toEqual([]);
  expect(column("target")).toEqual([]);
  expect(column("metadata.labels.app")).toEqual([
    expect.stringContaining('goes on after "metadata.labels", which has no fields. End it there.'),
  ]);
  expect(column("hosts.name.x")).toEqual([expect.stringContaining('goes on after "hosts.name"')]);
});

test("a status column of a kind without status is refused", () => {
  expect(diagnose(resource("Mesh", `${names("meshes")} columns: [{header: "S", path: "status"}]`))).toEqual([
    'a.proto:7:23: column "S" shows the status, but Mesh has none. Remove the column, or add has_status.',
  ]);
});

const aliased = (name: string, alias: string, number: number): string =>
  `string ${name} = ${number} [(epoxy.options.v1.field) = {aliases: ["${alias}"]}];\n`;

test("an alias that is another field's name, JSON name or alias is refused", () => {
  expect(
    diagnose(
      `message Host {\nstring bind_port = 1;\n${aliased("x", "bindPort", 2)}${aliased("y", "old", 3)}${aliased("z", "old", 4)}}`,
    ),
  ).toEqual([
    'a.proto:9:1: alias "bindPort" of Host.x also means the field "bind_port" (line 8). Remove one of the two.',
    'a.proto:11:1: alias "old" of Host.z also means the field "y" (line 10). Remove one of the two.',
  ]);
});

test("a key of an older format that is also a field's name is refused", () => {
  expect(
    diagnose('message Host {\noption (epoxy.options.v1.message) = {inline_keys: ["spec"]};\nstring spec = 1;\n}'),
  ).toEqual(['a.proto:7:1: inline key "spec" of Host also means the field "spec" (line 9). Remove one of the two.']);
});

test("names that no storage or command line could take are refused", () => {
  const errors = diagnose(
    resource("mesh", 'group: "Acme" version: "1" plural: "my meshes" short_names: ["M"]').replace(
      "message mesh",
      "message mesh",
    ),
  );
  expect(errors).toEqual([
    expect.stringContaining('group "Acme" is not a DNS name.'),
    expect.stringContaining('version "1" is not one. Use v1, v2,'),
    expect.stringContaining('kind "mesh" is not a name in upper camel case.'),
    expect.stringContaining('plural "my meshes" is not a DNS label.'),
    expect.stringContaining('short name "M" is not a DNS label.'),
  ]);
});

test("messages whose generated names would be the same are refused", () => {
  expect(
    diagnose(`${resource("Mesh", names("meshes"))}message Mesh_Type {}\n${resource("MeshKind", names("kinds"))}`),
  ).toEqual([
    expect.stringContaining(
      "MeshKind and Mesh (a.proto:7) have the same generated name MeshKind. Rename one of the messages.",
    ),
  ]);
});

test("files without a package or of another syntax are refused", () => {
  expect(generate(compile({ "b.proto": 'syntax = "proto3";\nmessage A {}' })).errors).toEqual([
    'b.proto:1:1: b.proto has no package. Add one, such as "package acme.mesh.v1;".',
  ]);
  expect(generate(compile({ "b.proto": 'syntax = "proto2";\npackage b;\nmessage A {}' })).errors).toEqual([
    'b.proto:2:1: b.proto is proto2. Only proto3 is generated: say syntax = "proto3".',
  ]);
});

test("all mistakes of all files are reported at once, in order, and no file is generated", () => {
  const result = generate(
    compile({
      "b.proto": head + resource("Late", names("meshes"), ""),
      "a.proto": head + resource("Mesh", names("meshes"), "") + resource("Net", names("nets"), ""),
    }),
  );
  expect(result.files).toBeUndefined();
  expect(result.errors?.map((error) => error.slice(0, 30))).toEqual([
    "a.proto:7:1: resource Mesh has",
    "a.proto:8:1: resource Net has ",
    "b.proto:7:1: resource Late has",
    "b.proto:7:23: Late and Mesh (a",
  ]);
});

test("an unknown option is refused with those that exist", () => {
  expect(() => generate(compile({ "a.proto": head }, "colour=red"))).toThrow(
    'unknown option "colour=red": use runtime=, messages=, import_suffix=, root= or emit=',
  );
});
