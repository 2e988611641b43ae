import { spawn } from "node:child_process";
import { resolve } from "node:path";

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: any;
  readonly result?: any;
}

/** The YAML language server that editors use, spoken to over its standard streams. */
export interface LanguageServer extends AsyncDisposable {
  /** Opens a document. @returns what the server has to complain of, as `line:column message`, from 1 */
  diagnose(uri: string, text: string): Promise<readonly string[]>;
  /** What it shows for a place of an open document; line and column from 0. */
  hover(uri: string, line: number, character: number): Promise<string>;
  /** What it offers there. */
  complete(uri: string, line: number, character: number): Promise<readonly string[]>;
}

const server = resolve(import.meta.dirname, "../../../node_modules/yaml-language-server/bin/yaml-language-server");

export async function startLanguageServer(): Promise<LanguageServer> {
  const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = new Map<number, (message: Message) => void>();
  const diagnosed = new Map<string, (params: any) => void>();
  let count = 0;

  const send = (message: object): void => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    child.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    child.stdin.write(body);
  };
  const request = (method: string, params: object): Promise<Message> =>
    new Promise((done) => {
      answers.set(++count, done);
      send({ id: count, method, params });
    });
  const receive = (message: Message): void => {
    if (message.method === undefined) answers.get(message.id as number)?.(message);
    else if (message.method === "textDocument/publishDiagnostics") diagnosed.get(message.params.uri)?.(message.params);
    // It asks for settings: none.
    else if (message.method === "workspace/configuration")
      send({ id: message.id, result: message.params.items.map(() => ({})) });
    else if (message.id !== undefined) send({ id: message.id, result: null });
  };
  let input = Buffer.alloc(0);
  child.stdout.on("data", (chunk: Buffer) => {
    input = Buffer.concat([input, chunk]);
    for (;;) {
      const start = input.indexOf("\r\n\r\n");
      const length = Number(/Content-Length: (\d+)/.exec(input.subarray(0, Math.max(start, 0)).toString())?.[1]);
      if (start < 0 || input.length < start + 4 + length) return;
      receive(JSON.parse(input.subarray(start + 4, start + 4 + length).toString()));
      input = input.subarray(start + 4 + length);
    }
  });

  await request("initialize", { processId: process.pid, rootUri: null, capabilities: {}, initializationOptions: {} });
  send({ method: "initialized", params: {} });
  const at = (uri: string, line: number, character: number) => ({
    textDocument: { uri },
    position: { line, character },
  });
  return {
    diagnose: (uri, text) =>
      new Promise((done) => {
        diagnosed.set(uri, ({ diagnostics }) =>
          done(
            diagnostics.map(
              ({ message, range: { start } }: any) => `${start.line + 1}:${start.character + 1} ${message}`,
            ),
          ),
        );
        send({
          method: "textDocument/didOpen",
          params: { textDocument: { uri, languageId: "yaml", version: 1, text } },
        });
      }),
    async hover(uri, line, character) {
      const { result } = await request("textDocument/hover", at(uri, line, character));
      return result?.contents?.value ?? "";
    },
    async complete(uri, line, character) {
      const { result } = await request("textDocument/completion", at(uri, line, character));
      return result.items.map(({ label }: { label: string }) => label);
    },
    async [Symbol.asyncDispose]() {
      const ended = new Promise((done) => child.once("close", done));
      child.kill();
      await ended;
    },
  };
}
