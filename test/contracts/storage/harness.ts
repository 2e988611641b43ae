import type { AnyKind, Ref } from "../../../src/resources/index.ts";
import type { ResourceClient, Storage } from "../../../src/storage/index.ts";
import { type Gadget, GadgetKind, type Territory, TerritoryKind, type Widget, WidgetKind } from "../support/kinds.ts";

/** A new, empty storage. */
export interface StorageFixture {
  readonly storage: Storage;
  /** Closes the storage, and removes what lies beneath it. */
  dispose(): Promise<void>;
}

/** How the suite gets at a backend. What a backend can't do, such as hold what can't be parsed, is left out. */
export interface StorageHarness<F extends StorageFixture = StorageFixture> {
  open(): Promise<F>;
  /** Another storage over the same data, as another process has it. The suite closes it. */
  readonly another?: (fixture: F) => Promise<Storage>;
  /** Puts a text in the place of a resource, past the storage. */
  readonly putRaw?: (fixture: F, kind: AnyKind, ref: Ref, text: string) => Promise<void>;
  /** The engine holds JSON, not text: problems have paths, but no lines. */
  readonly holdsJson?: boolean;
  /** Something tells of changes as they happen, and events say when. */
  readonly tellsWhenSeen?: boolean;
  /** Makes the engine fail until the function that it resolves to is called. */
  readonly interrupt?: (fixture: F) => Promise<() => Promise<void>>;
}

/** What a test works with. */
export interface TestBed {
  readonly fixture: StorageFixture;
  readonly storage: Storage;
  readonly widgets: ResourceClient<Widget>;
  readonly gadgets: ResourceClient<Gadget>;
  readonly territories: ResourceClient<Territory>;
  /** Aborted when the test is over. */
  readonly signal: AbortSignal;
}

/** Runs a test on a new storage. */
export const onNewStorage =
  <F extends StorageFixture>(
    harness: StorageHarness<F>,
    test: (bed: TestBed & { readonly fixture: F }) => Promise<void>,
  ) =>
  async (): Promise<void> => {
    const fixture = await harness.open();
    const { storage } = fixture;
    const over = new AbortController();
    try {
      await test({
        fixture,
        storage,
        widgets: storage.client(WidgetKind),
        gadgets: storage.client(GadgetKind),
        territories: storage.client(TerritoryKind),
        signal: over.signal,
      });
    } finally {
      over.abort();
      await fixture.dispose();
    }
  };

/** Names of the items in order, as `namespace/name`. */
export const keysOf = (items: readonly Widget[]): readonly string[] =>
  items.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`);
