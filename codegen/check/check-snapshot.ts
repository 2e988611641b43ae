import type { FieldModel, MessageModel, Model } from "../model/model.ts";
import { isEpoxyPackage } from "../render/layout.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { nearest } from "./nearest.ts";

/** Whether a snapshot's members are lists of resources. */
export function checkSnapshot(message: MessageModel, model: Model): readonly Diagnostic[] {
  const { snapshot, localName } = message;
  if (snapshot === undefined) return [];
  if (message.fields.length === 0) {
    return [
      {
        position: snapshot.position,
        message: `snapshot ${localName} is empty. Add a field such as "repeated Gateway gateways = 1;".`,
      },
    ];
  }
  return message.fields.flatMap((field) => {
    const problem = memberProblem(field, message, model);
    return problem === undefined ? [] : [{ position: field.position, message: problem }];
  });
}

function memberProblem(field: FieldModel, { localName }: MessageModel, model: Model): string | undefined {
  const member = `member "${field.name}" of the snapshot ${localName}`;
  if (field.localName === "revision") return `${member} has the name of the snapshot's own counter. Rename it.`;
  const target = field.type.kind === "message" ? model.messages.get(field.type.name) : undefined;
  if (target?.resource === undefined) {
    const kinds = [...model.messages.values()]
      .filter(({ resource }) => resource !== undefined)
      .map((kind) => kind.localName);
    const best = nearest(target?.localName ?? field.name, kinds);
    const hint = best === undefined ? "" : ` Did you mean ${best}?`;
    return `${member} is no resource: ${field.type.name} has no (epoxy.options.v1.resource).${hint} Make it a list of resources, or remove it.`;
  }
  if (field.cardinality !== "repeated")
    return `${member} is not a list. Make it "repeated ${target.localName} ${field.name}".`;
  if (!target.generate && !isEpoxyPackage(target.packageName)) {
    return `${member} is of a kind that isn't generated here. Add ${target.file} to the inputs of buf.gen.yaml.`;
  }
  return undefined;
}
