import type { XdsPart, XdsResource } from "../cache/resource.ts";
import { type Bisection, createBisection } from "./bisection.ts";
import { blamedBy, type Candidate, composeWithout } from "./compose.ts";

/** Finds the parts at fault in one refused resource, by versions of it in which some of the new parts are the last good ones. */
export interface PartSearch {
  /** The resource as it was to be given. */
  readonly resource: XdsResource;
  /** What to give now: the trial, or what is left when the search is over. */
  readonly given: XdsResource | undefined;
  readonly over: boolean;
  settle(accepted: boolean, message: string): void;
  /** Once over: what is at fault, by digest; the resource's version where no part is. */
  readonly faults: readonly {
    readonly digest: string;
    readonly origin: string | undefined;
    readonly message: string;
  }[];
  /** The version accepted last, if any was. */
  readonly acceptedVersion: string | undefined;
}

/**
 * `base` is the last good version. Trials leave out or put back parts; the first part, the frame that all stand in, is always the new one.
 * If it is at fault, every trial fails: so when a fault was found though nothing was accepted, the frame is tried alone.
 */
export function createPartSearch(resource: XdsResource, base: XdsResource | undefined, message: string): PartSearch {
  const known = new Set(base?.parts.map(({ digest }) => digest));
  const [frame, ...rest] = resource.parts as readonly [XdsPart, ...XdsPart[]];
  const fresh = new Map(rest.filter(({ digest }) => !known.has(digest)).map((part) => [part.digest, part]));
  const messages = new Map([...fresh.keys()].map((digest) => [digest, message]));
  const candidates = (digests: Iterable<string>): Candidate[] =>
    [...digests].flatMap((id) => {
      const part = fresh.get(id);
      return part === undefined ? [] : { id, parts: [part] };
    });
  let frameTrusted = known.has(frame.digest);
  let frameAtFault = fresh.size === 0;
  let acceptedVersion: string | undefined;
  const bisection: Bisection = createBisection(fresh.keys(), blamedBy(message, candidates(fresh.keys())));

  const frameTrial = (): boolean => !frameTrusted && !frameAtFault && bisection.faults.length > 0;
  const excluded = (): Set<string> => {
    if (frameAtFault) return new Set([resource.version]);
    if (frameTrial()) return new Set(fresh.keys());
    const trial = new Set(bisection.trial);
    return new Set([...bisection.faults, ...[...bisection.open].filter((digest) => !trial.has(digest))]);
  };

  return {
    resource,
    get given() {
      return composeWithout(resource, base, excluded());
    },
    get over() {
      return frameAtFault || (!frameTrial() && bisection.trial === undefined);
    },
    settle(accepted, text) {
      if (accepted) {
        acceptedVersion = composeWithout(resource, base, excluded())?.version;
      }
      if (frameTrial()) {
        if (accepted) frameTrusted = true;
        else frameAtFault = true;
        return;
      }
      const trial = bisection.trial ?? [];
      if (accepted) frameTrusted = true;
      else for (const digest of trial) messages.set(digest, text);
      bisection.settle(accepted, accepted ? [] : blamedBy(text, candidates(trial)));
    },
    get faults() {
      if (frameAtFault) {
        const digest = known.has(frame.digest) ? resource.version : frame.digest;
        return [{ digest, origin: frame.origin, message }];
      }
      return bisection.faults.map((digest) => ({
        digest,
        origin: fresh.get(digest)?.origin,
        message: messages.get(digest) ?? message,
      }));
    },
    get acceptedVersion() {
      return acceptedVersion;
    },
  };
}
