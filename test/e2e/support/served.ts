import { httpGet } from "../../support/http-get.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Status and body of a GET; a refused connection is status 0. */
export async function get(port: number, path = "/", headers: Record<string, string> = {}) {
  try {
    return await httpGet(`http://127.0.0.1:${port}${path}`, { headers });
  } catch {
    return { status: 0, body: "", headers: {} };
  }
}

/** Waits until a GET gives the status (and body), and says how long that took, in ms. */
export async function untilServed(
  port: number,
  path: string,
  expected: { readonly status: number; readonly body?: string },
  timeout = 10_000,
): Promise<number> {
  const start = performance.now();
  let last: unknown;
  await waitFor(
    async () => {
      const answer = await get(port, path);
      last = answer;
      return answer.status === expected.status && (expected.body === undefined || answer.body === expected.body);
    },
    { timeout, interval: 2 },
  ).catch((error: unknown) => {
    throw new Error(`${path}: expected ${JSON.stringify(expected)}, last was ${JSON.stringify(last)}`, {
      cause: error,
    });
  });
  return performance.now() - start;
}
