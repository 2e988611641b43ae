import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
/** Its go.mod says which version, its go.sum what the sources' checksums are. */
const module = join(fileURLToPath(import.meta.url), "..", "kube-apiserver");
const version = "1.36.3";

/**
 * Builds Kubernetes' API server from its published Go modules: nobody publishes the program where this project takes others from. Takes
 * about 7 minutes of processor time, at low priority, and 2 GB in Go's caches: 3 min 40 s on two idle cores, its sources fetched meanwhile.
 *
 * @throws Error where `go` is missing or too old, with what it said
 */
export async function buildKubeApiserver(target: string, _folder: string, signal?: AbortSignal): Promise<void> {
  await run("go", ["version"]).catch((cause: unknown) => {
    throw new Error("there is no `go` on PATH to build kube-apiserver with", { cause });
  });
  // Otherwise it says that it is no version at all, and clients ask for it.
  const name = "k8s.io/component-base/version";
  const [major, minor] = version.split(".");
  const stamps = [`gitVersion=v${version}`, `gitMajor=${major}`, `gitMinor=${minor}`];
  const flags = ["-s", "-w", ...stamps.map((stamp) => `-X ${name}.${stamp}`)].join(" ");
  const build = ["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", target, "."];
  // The tests that wait for nothing of Kubernetes run meanwhile.
  await run("nice", ["-n", "5", "go", ...build], {
    cwd: module,
    env: { ...process.env, GOWORK: "off" },
    maxBuffer: 1 << 24,
    signal,
  });
}
