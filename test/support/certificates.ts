import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

/** Paths of two files in PEM. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority that issues certificates into files of one folder. */
export interface Authority extends AsyncDisposable {
  readonly folder: string;
  /** Its own certificate. */
  readonly ca: string;
  /** `names` as in `DNS:localhost,IP:127.0.0.1,URI:spiffe://a/b`. An existing file of the name is replaced. */
  issue(file: string, options?: { readonly names?: string; readonly commonName?: string }): Promise<CertificateFiles>;
}

export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), "epoxy-ca-"));
  const ca = join(folder, "ca.pem");
  const caKey = join(folder, "ca.key");
  await run("openssl", ["req", "-x509", ...curve, "-subj", "/CN=test authority", "-keyout", caKey, "-out", ca]);
  return {
    folder,
    ca,
    async issue(file, { names = "DNS:localhost,IP:127.0.0.1", commonName = file } = {}) {
      const [cert, key, request, extensions] = ["pem", "key", "csr", "ext"].map((end) =>
        join(folder, `${file}.${end}`),
      ) as [string, string, string, string];
      await run("openssl", ["req", ...curve, "-subj", `/CN=${commonName}`, "-keyout", key, "-out", request]);
      await writeFile(extensions, `subjectAltName=${names}\n`);
      await run("openssl", [
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        ca,
        "-CAkey",
        caKey,
        "-days",
        "2",
        "-out",
        cert,
        "-extfile",
        extensions,
      ]);
      return { cert, key };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
