import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A Debian mirror that this machine is set up to use. */
interface Mirror {
  readonly uri: string;
  /** Path of the keyring that signs it, if its entry names one. */
  readonly signedBy: string | undefined;
}

export interface AptDownloadOptions {
  /** An empty folder of the caller's, for all that comes. */
  readonly folder: string;
  /** A Debian release other than the machine's, on the same mirror. Default: the machine's own. */
  readonly suite?: string | undefined;
}

/**
 * Downloads a Debian package and unpacks it into a folder; nothing is installed, and the machine's own lists stay as
 * they are. Returns the folder that stands for `/`. Needs apt and dpkg, not root.
 */
export async function aptDownload(name: string, options: AptDownloadOptions): Promise<string> {
  const apt = join(options.folder, `apt-${name}`);
  const root = join(apt, "root");
  await Promise.all(
    ["lists/partial", "cache/archives/partial", "root"].map((f) => mkdir(join(apt, f), { recursive: true })),
  );
  const settings = [
    `Dir::State::lists=${apt}/lists`,
    `Dir::Cache=${apt}/cache`,
    "APT::Sandbox::User=",
    "Acquire::Languages=none",
  ];
  const release = await debianRelease();
  const mirrors = await debianMirrors(release);
  if (mirrors.length === 0) throw new Error("apt's sources name no Debian mirror to take the package from");
  const list = join(apt, "sources.list");
  await writeFile(list, mirrors.map((mirror) => entry(mirror, options.suite ?? release)).join(""));
  // Others' sources are left out: one that is down must not be in the way.
  settings.push(`Dir::Etc::sourcelist=${list}`, "Dir::Etc::sourceparts=-");
  const flags = settings.flatMap((setting) => ["-o", setting]);
  await run("apt-get", ["--quiet", ...flags, "update"], { maxBuffer: 1 << 24 });
  await run("apt-get", ["--quiet", ...flags, "download", name], { cwd: apt, maxBuffer: 1 << 24 });
  const file = (await readdir(apt)).find((candidate) => candidate.endsWith(".deb"));
  if (file === undefined) throw new Error(`apt-get download ${name} brought no package`);
  await run("dpkg-deb", ["-x", join(apt, file), root]);
  return root;
}

const entry = (mirror: Mirror, suite: string): string =>
  `deb ${mirror.signedBy === undefined ? "" : `[signed-by=${mirror.signedBy}] `}${mirror.uri} ${suite} main\n`;

async function debianRelease(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^VERSION_CODENAME=(\S+)$/m.exec(text)?.[1] ?? "stable";
}

/** The mirrors of the machine's apt sources that hold Debian itself: not its security archive, not others' packages. */
async function debianMirrors(release: string): Promise<readonly Mirror[]> {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  const found = new Map<string, Mirror>();
  for (const name of ["/etc/apt/sources.list", ...names]) {
    const text = await readFile(name, "utf8").catch(() => "");
    const entries = name.endsWith(".sources") ? readStanzas(text) : readLines(text);
    for (const { suites, components, ...mirror } of entries) {
      const isDebian = suites.includes(release) || suites.includes("stable");
      if (isDebian && components.includes("main")) found.set(mirror.uri, mirror);
    }
  }
  return [...found.values()];
}

interface Entry extends Mirror {
  readonly suites: readonly string[];
  readonly components: readonly string[];
}

/** apt's one-line format: `deb [options] uri suite component…` (sources.list(5)). */
export function readLines(text: string): readonly Entry[] {
  return text.split("\n").flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (match === null) return [];
    const [, settings = "", uri = "", suite = "", components = ""] = match;
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(settings)?.[1];
    return [{ uri, signedBy, suites: [suite], components: components.trim().split(/\s+/) }];
  });
}

/** apt's deb822 format: stanzas of `Types: URIs: Suites: Components: Signed-By:` (sources.list(5)). */
export function readStanzas(text: string): readonly Entry[] {
  const stanzas = text
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .join("\n")
    .split(/\n\s*\n/);
  return stanzas.flatMap((stanza) => {
    const field = (name: string): readonly string[] =>
      (new RegExp(`^${name}:((?:.*)(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1] ?? "")
        .trim()
        .split(/\s+/)
        .filter(Boolean);
    if (!field("Types").includes("deb") || field("Enabled")[0] === "no") return [];
    const key = field("Signed-By");
    // A key given inline has many lines; a keyring is one path.
    const signedBy = key.length === 1 ? key[0] : undefined;
    return field("URIs").map((uri) => ({ uri, signedBy, suites: field("Suites"), components: field("Components") }));
  });
}
