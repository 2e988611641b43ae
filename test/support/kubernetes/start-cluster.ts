import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOrFetch } from "../../../scripts/binaries.ts";
import { type Child, startChild } from "../child.ts";
import { freePorts } from "../free-port.ts";
import { waitFor } from "../wait-for.ts";
import { clusterAccess, type KubeAccess, type KubeAddress } from "./cluster-access.ts";

/** A part of the cluster that can fail by itself. */
export type KubePart = "etcd" | "kube-apiserver";

/**
 * A real etcd and a real API server of its own, over TLS on loopback; authorization is by RBAC. There are no controllers: a deleted
 * namespace never goes, nothing collects garbage, and no Pod runs. So tests take a new namespace each.
 */
export interface KubeCluster extends KubeAccess, AsyncDisposable {
  log(part: KubePart): string;
  /** Ends it without a chance to tidy up; default: both. */
  kill(part?: KubePart): Promise<void>;
  /** Starts what doesn't run, on the same ports and data, and resolves when it is ready. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface KubeClusterOptions {
  /** Further flags of the API server. */
  readonly flags?: readonly string[] | undefined;
}

/** Starts a cluster. Where a shared one does, use `useKubeCluster`: a start takes seconds of processor time. */
export async function startKubeCluster(options: KubeClusterOptions = {}): Promise<KubeCluster> {
  const progress = { onProgress: (line: string) => void process.stderr.write(`${line}\n`) };
  const [etcd, apiserver] = [await findOrFetch("etcd", progress), await findOrFetch("kube-apiserver", progress)];
  const folder = await mkdtemp(join(await roomyFolder(), "epoxy-kube-"));
  const file = (name: string): string => join(folder, name);
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const token = randomBytes(16).toString("hex");
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await Promise.all([
    writeFile(file("tokens.csv"), `${token},admin,admin,system:masters\n`),
    writeFile(file("accounts.key"), privateKey.export({ type: "pkcs8", format: "pem" })),
    writeFile(file("accounts.pub"), publicKey.export({ type: "spki", format: "pem" })),
  ]);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const commands: Readonly<Record<KubePart, readonly [string, readonly string[]]>> = {
    etcd: [
      etcd,
      [
        `--data-dir=${file("etcd")}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=${peerUrl}`,
        `--initial-advertise-peer-urls=${peerUrl}`,
        `--initial-cluster=default=${peerUrl}`,
        "--log-level=warn",
        "--logger=zap",
      ],
    ],
    "kube-apiserver": [
      apiserver,
      [
        `--etcd-servers=${etcdUrl}`,
        "--bind-address=127.0.0.1",
        `--secure-port=${port}`,
        `--cert-dir=${file("certificates")}`,
        `--token-auth-file=${file("tokens.csv")}`,
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        `--service-account-key-file=${file("accounts.pub")}`,
        `--service-account-signing-key-file=${file("accounts.key")}`,
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        "--enable-priority-and-fairness=false",
        "--profiling=false",
        ...(options.flags ?? []),
      ],
    ],
  };
  const running = new Map<KubePart, Child>();
  const logs: Record<KubePart, string> = { etcd: "", "kube-apiserver": "" };

  const launch = (part: KubePart): Child => {
    const [command, args] = commands[part];
    const known = running.get(part);
    if (known !== undefined) return known;
    const child = startChild(command, args);
    running.set(part, child);
    return child;
  };
  const kill = async (part?: KubePart): Promise<void> => {
    if (part === undefined) return void (await Promise.all([kill("kube-apiserver"), kill("etcd")]));
    const child = running.get(part);
    running.delete(part);
    await child?.kill();
    logs[part] += child?.output() ?? "";
  };
  const readCertificate = (): Promise<string> => readFile(file("certificates/apiserver.crt"), "utf8");
  const start = async (): Promise<void> => {
    const children = [launch("etcd"), launch("kube-apiserver")];
    const ended = (): Child | undefined => children.find((child) => child.ended() !== undefined);
    const ready = waitFor(
      async () => {
        if (ended() !== undefined) return true;
        const { api } = clusterAccess({ ...address, certificate: await readCertificate() });
        return (
          (await api("GET", "/readyz")).status === 200 &&
          (await api("GET", "/api/v1/namespaces/default")).status === 200
        );
      },
      { timeout: 90_000 },
    );
    await ready.catch(() => {});
    const dead = ended();
    if (dead !== undefined) throw new Error(`the cluster ended (${dead.ended()}):\n${dead.output().slice(-4_000)}`);
    await ready;
  };
  const stop = async (): Promise<void> => {
    // In a folder that goes: nothing is worth a graceful end.
    await kill();
    await rm(folder, { recursive: true, force: true });
  };
  const address: Omit<KubeAddress, "certificate"> = { port, token, folder };
  try {
    await start();
    return {
      ...clusterAccess({ ...address, certificate: await readCertificate() }),
      log: (part) => logs[part] + (running.get(part)?.output() ?? ""),
      kill,
      start,
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Memory, where there is room: etcd waits for the disk at each write. */
async function roomyFolder(): Promise<string> {
  const memory = "/dev/shm";
  const space = await statfs(memory).catch(() => undefined);
  return space !== undefined && space.bavail * space.bsize > 1 << 30 ? memory : tmpdir();
}
