import { isIP } from "node:net";
import { EpoxyError } from "../../errors/index.ts";

/** Plain text is for this machine only. @throws EpoxyError `invalid` for an address that others may reach */
export function checkPlaintext(host: string): void {
  if (host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."))) return;
  throw new EpoxyError(
    "invalid",
    `The xDS server would serve ${host} in plain text, secrets included. Give it TLS (\`security\`), or \`plaintext: true\` if the network is private.`,
  );
}
