/** A proxy refused a piece of content. Plain data, so that replicas can tell each other. */
export interface Refusal {
  /** Role of the proxy. */
  readonly key: string;
  readonly typeUrl: string;
  readonly name: string;
  /** Of the part at fault, or the version of the resource where it is at fault as a whole. Content that changes has another one. */
  readonly digest: string;
  readonly origin?: string | undefined;
  /** Id of the proxy's node. Proxies that share an id count as one. */
  readonly node: string;
  /** Version of the proxy's program, as far as it says. */
  readonly nodeVersion: string;
  /** The proxy's words. */
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The proxy was the canary of this content, which then is kept from all others at once. */
  readonly canary?: boolean | undefined;
}

/** Content that is being served and that at least one proxy refuses. */
export interface QuarantinedContent extends Pick<Refusal, "key" | "typeUrl" | "name" | "digest" | "origin"> {
  /** The role's snapshot keys under which it is served: not all, where proxies of different versions are given different contents. */
  readonly servedAs: readonly string[];
  /** By proxy, the latest first. */
  readonly refusals: readonly Refusal[];
  /** So many different proxies refuse it, or its canary does, that it is kept from those, too, that haven't got it yet. */
  readonly spread: boolean;
}

/** A stream's view of one type, as far as others need to know it. */
export interface Witness {
  /** Snapshot key. */
  readonly key: string;
  readonly typeUrl: string;
  readonly node: string;
  readonly nodeVersion: string;
  /** Whether it is subscribed to the name. */
  covers(name: string): boolean;
  /** Whether its proxy has accepted what is served under this name now. */
  hasAccepted(name: string): boolean;
  /** What it may be given has changed. */
  wake(): void;
}
