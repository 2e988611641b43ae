import type { Node } from "./node.ts";

/** What nodes need of their graph. */
export interface Engine {
  readonly revision: number;
  /** The node whose function runs at this moment. */
  running: Node<any> | undefined;
  /** Adds a node behind all others, which is its place in the order of computation. */
  add(node: Node<any>): number;
  /** A node has work: see that a flush comes. */
  wake(): void;
  /** Delivers an error once the flush is over. */
  report(collection: string, key: string | undefined, error: Error): void;
}
