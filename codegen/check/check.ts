import type { FileModel, Model } from "../model/model.ts";
import { checkColumns } from "./check-columns.ts";
import { checkFields } from "./check-fields.ts";
import { checkResource } from "./check-resources.ts";
import { checkSnapshot } from "./check-snapshot.ts";
import { checkUnique } from "./check-unique.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** All mistakes in the files to generate, in order of position. Only without any is code generated. */
export function check(model: Model): readonly Diagnostic[] {
  const diagnostics = model.files
    .filter(({ generate }) => generate)
    .flatMap((file) => [
      ...checkFile(file),
      ...file.messages.flatMap((message) => [
        ...checkResource(message),
        ...checkColumns(message, model),
        ...checkFields(message),
        ...checkSnapshot(message, model),
      ]),
    ]);
  return [...diagnostics, ...checkUnique(model)].sort(
    ({ position: a }, { position: b }) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
  );
}

function checkFile({ path, packageName, position, syntax }: FileModel): readonly Diagnostic[] {
  const problems: string[] = [];
  if (packageName === "") problems.push(`${path} has no package. Add one, such as "package acme.mesh.v1;".`);
  if (syntax !== "proto3") problems.push(`${path} is ${syntax}. Only proto3 is generated: say syntax = "proto3".`);
  return problems.map((message) => ({ position, message }));
}
