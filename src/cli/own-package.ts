import { readFileSync } from "node:fs";

export interface OwnPackage {
  /** Epoxy's folder, which holds package.json. */
  readonly folder: URL;
  readonly version: string;
}

/** The package that this file is part of. The build is one folder deeper than the sources: it is looked for upwards. */
export function ownPackage(): OwnPackage {
  for (let folder = new URL(".", import.meta.url); ; folder = new URL("..", folder)) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL("package.json", folder), "utf8"));
      if (name === "epoxy") return { folder, version: String(version) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || folder.pathname === "/") throw error;
    }
  }
}
