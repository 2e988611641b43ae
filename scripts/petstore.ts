import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";

interface Pet {
  readonly id: number;
  readonly name: string;
  readonly status: string;
}

export interface PetstoreOptions {
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** Sent with each answer as `x-petstore`, so that instances can be told apart. */
  readonly instance?: string | undefined;
}

/** A running petstore: the small API that the demo and the tests put behind Envoy. */
export interface Petstore extends AsyncDisposable {
  readonly port: number;
  /** Requests answered so far. */
  requests(): number;
  close(): Promise<void>;
}

/** Starts one, with a dog and a cat. Each has its own pets, in memory. */
export async function startPetstore(options: PetstoreOptions = {}): Promise<Petstore> {
  const pets = new Map<number, Pet>([
    [1, { id: 1, name: "Dog", status: "available" }],
    [2, { id: 2, name: "Cat", status: "pending" }],
  ]);
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    if (options.instance !== undefined) response.setHeader("x-petstore", options.instance);
    answer(pets, request, response).catch((error: unknown) => send(response, 400, { message: String(error) }));
  });
  // An idle connection that it ends may be the one that Envoy takes at that moment.
  server.keepAliveTimeout = 0;
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(options.port ?? 0, options.host ?? "127.0.0.1", done);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    requests: () => requests,
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(pets: Map<number, Pet>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://petstore");
  const id = /^\/api\/pets\/(\d+)$/.exec(pathname)?.[1];
  const route = `${request.method} ${id === undefined ? pathname : "/api/pets/{id}"}`;
  if (route === "GET /swagger.json") return send(response, 200, swagger);
  if (route === "GET /api/pets") {
    const statuses = searchParams.getAll("status");
    return send(
      response,
      200,
      [...pets.values()].filter((pet) => statuses.length === 0 || statuses.includes(pet.status)),
    );
  }
  if (route === "POST /api/pets") {
    const { name, status = "available" } = JSON.parse(await bodyOf(request)) as Partial<Pet>;
    if (typeof name !== "string") return send(response, 400, { message: "a pet needs a name" });
    const pet = { id: Math.max(0, ...pets.keys()) + 1, name, status };
    pets.set(pet.id, pet);
    return send(response, 201, pet);
  }
  const pet = pets.get(Number(id));
  if (pet !== undefined && route === "GET /api/pets/{id}") return send(response, 200, pet);
  if (pet !== undefined && route === "DELETE /api/pets/{id}") {
    pets.delete(pet.id);
    response.writeHead(204).end();
    return;
  }
  send(response, 404, { message: id === undefined ? `no such path: ${request.method} ${pathname}` : `no pet ${id}` });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 65_536) throw new Error("the body is larger than 64 KB");
  }
  return text;
}

const pet = { $ref: "#/definitions/Pet" };
const idParameter = { name: "id", in: "path", required: true, type: "integer", format: "int64" };
const swagger = {
  swagger: "2.0",
  info: { title: "Petstore", version: "1.0.0" },
  basePath: "/api",
  schemes: ["http"],
  consumes: ["application/json"],
  produces: ["application/json"],
  paths: {
    "/pets": {
      get: {
        operationId: "findPets",
        parameters: [
          { name: "status", in: "query", type: "array", items: { type: "string" }, collectionFormat: "multi" },
        ],
        responses: { 200: { description: "pets", schema: { type: "array", items: pet } } },
      },
      post: {
        operationId: "addPet",
        parameters: [{ name: "pet", in: "body", required: true, schema: pet }],
        responses: { 201: { description: "the pet, with its id", schema: pet } },
      },
    },
    "/pets/{id}": {
      get: {
        operationId: "findPetById",
        parameters: [idParameter],
        responses: { 200: { description: "the pet", schema: pet }, 404: { description: "no such pet" } },
      },
      delete: {
        operationId: "deletePet",
        parameters: [idParameter],
        responses: { 204: { description: "deleted" }, 404: { description: "no such pet" } },
      },
    },
  },
  definitions: {
    Pet: {
      type: "object",
      required: ["name"],
      properties: {
        id: { type: "integer", format: "int64" },
        name: { type: "string" },
        status: { type: "string", enum: ["available", "pending", "sold"] },
      },
    },
  },
};

/** `node scripts/petstore.ts [port]` */
if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { port } = await startPetstore({ port: Number(process.argv[2] ?? 0) });
  console.log(`petstore on http://127.0.0.1:${port}/api/pets`);
}
