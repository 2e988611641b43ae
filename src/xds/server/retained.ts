import { LimitExceeded } from "./stream.ts";

/** What clients make their server remember: names they subscribe to, who they are, why they refused. In bytes. */
export interface Retained {
  /** A stream's share is another one now. @throws LimitExceeded */
  set(stream: object, peer: string, bytes: number): void;
  delete(stream: object, peer: string): void;
}

/** @param perConnection for all streams of a connection; @param total for all connections */
export function limitRetained(perConnection: number, total: number): Retained {
  const byStream = new Map<object, number>();
  const byPeer = new Map<string, number>();
  let sum = 0;

  function change(stream: object, peer: string, bytes: number): number {
    const difference = bytes - (byStream.get(stream) ?? 0);
    if (bytes > 0) byStream.set(stream, bytes);
    else byStream.delete(stream);
    sum += difference;
    const ofPeer = (byPeer.get(peer) ?? 0) + difference;
    if (ofPeer > 0) byPeer.set(peer, ofPeer);
    else byPeer.delete(peer);
    return ofPeer;
  }

  return {
    set(stream, peer, bytes) {
      const ofPeer = change(stream, peer, bytes);
      if (ofPeer > perConnection)
        throw new LimitExceeded(`names and other texts of one connection take more than ${perConnection} bytes`);
      if (sum > total) throw new LimitExceeded(`names and other texts of all clients take more than ${total} bytes`);
    },
    delete: (stream, peer) => void change(stream, peer, 0),
  };
}
