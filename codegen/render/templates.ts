import { existsSync, readFileSync } from "node:fs";
import Handlebars from "handlebars";

const handlebars = Handlebars.create();
handlebars.registerHelper("quote", (text: string) => JSON.stringify(text));

/** Templates are files beside the source; a built generator, in dist, finds them in the package that it is part of. */
function readTemplate(name: string): string {
  const places = ["../templates/", "../../../codegen/templates/"].map(
    (folder) => new URL(`${folder}${name}.hbs`, import.meta.url),
  );
  const place = places.find((candidate) => existsSync(candidate));
  if (place === undefined)
    throw new Error(`template ${name}.hbs is not part of the installation: install the package anew`);
  return readFileSync(place, "utf8");
}

const compiled = new Map<string, Handlebars.TemplateDelegate>();

export type TemplateName =
  | "package"
  | "controllers"
  | "streams"
  | "tables"
  | "index"
  | "docs-kind"
  | "docs-package"
  | "docs-index";

/** Fills a template. A value that the template names and the context lacks is an error. */
export function fillTemplate(name: TemplateName, context: object): string {
  let template = compiled.get(name);
  if (template === undefined) {
    template = handlebars.compile(readTemplate(name), { noEscape: true, strict: true, knownHelpers: { quote: true } });
    compiled.set(name, template);
  }
  return template(context);
}
