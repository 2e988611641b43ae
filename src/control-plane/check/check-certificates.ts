import type { X509Certificate } from "node:crypto";
import { type Secret, SecretKind } from "../../../generated/sdk/index.ts";
import { certificatesIn, keyFault, readCertificate } from "../../envoy/index.ts";
import { refOf } from "../../resources/index.ts";
import type { CheckedResource } from "./check-configuration.ts";
import type { Finding } from "./finding.ts";

/** How long before its end a certificate is warned about. */
const warningDays = 30;

const dayMs = 24 * 60 * 60 * 1000;

/** Certificates in Secrets: those that expired, will soon, can't be read, or don't belong to their key. */
export function checkCertificates(resources: readonly CheckedResource[], now: Date): readonly Finding[] {
  return resources
    .filter(({ kind }) => kind.kind === SecretKind.kind)
    .flatMap(({ resource }) => {
      const { kind } = resource as Secret;
      if (kind?.$case !== "tls") return [];
      const { certChain, rootCa, privateKey } = kind.value;
      const ref = refOf(resource);
      const finding = (severity: Finding["severity"], message: string, path: string): Finding => ({
        severity,
        message,
        kind: SecretKind.kind,
        ref,
        path,
      });
      return [
        ...checkPem(certChain, "tls.certChain", now, finding),
        ...checkPem(rootCa, "tls.rootCa", now, finding),
        ...checkKey(certChain, privateKey, finding),
      ];
    });
}

type MakeFinding = (severity: Finding["severity"], message: string, path: string) => Finding;

function checkPem(pem: string, path: string, now: Date, finding: MakeFinding): readonly Finding[] {
  if (pem === "") return [];
  const blocks = certificatesIn(pem);
  if (blocks.length === 0) return [finding("error", `no certificate in PEM is in it`, path)];
  return blocks.flatMap((block, index) => {
    const certificate = readCertificate(block);
    const which = blocks.length === 1 ? "the certificate" : `certificate ${index + 1} of ${blocks.length}`;
    if (certificate === undefined) return [finding("error", `${which} can't be read: it is no X.509 in PEM`, path)];
    return checkDates(certificate, which, path, now, finding);
  });
}

function checkDates(
  certificate: X509Certificate,
  which: string,
  path: string,
  now: Date,
  finding: MakeFinding,
): readonly Finding[] {
  const name = `${which} (${certificate.subject.replaceAll("\n", ", ")})`;
  const end = new Date(certificate.validTo);
  const day = end.toISOString().slice(0, "2000-01-01".length);
  const left = end.getTime() - now.getTime();
  if (left < 0) return [finding("error", `${name} expired on ${day}: replace it`, path)];
  if (new Date(certificate.validFrom) > now) {
    return [finding("error", `${name} is not valid before ${certificate.validFrom}`, path)];
  }
  if (left >= warningDays * dayMs) return [];
  const days = Math.floor(left / dayMs);
  const text = `${name} expires on ${day}, in ${days} ${days === 1 ? "day" : "days"}: renew it`;
  return [finding("warning", text, path)];
}

function checkKey(certChain: string, privateKey: string, finding: MakeFinding): readonly Finding[] {
  const [first] = certificatesIn(certChain);
  if (first === undefined || privateKey === "" || readCertificate(first) === undefined) return [];
  const fault = keyFault(certChain, privateKey);
  return fault === undefined ? [] : [finding("error", fault.message, fault.path)];
}
