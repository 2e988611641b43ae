export { createPublisher, type Publisher, typeUrlOf } from "./publisher.ts";
export { createStreamClient, type StreamChange, type StreamClient, type StreamClientOptions } from "./stream-client.ts";
export { createStreamServer, type StreamServer, type StreamServerOptions } from "./stream-server.ts";
