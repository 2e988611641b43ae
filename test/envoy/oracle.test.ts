import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type TranslationContext,
  translateListener,
  translateUpstream,
  translateVirtualHost,
  translationSettings,
} from "../../src/envoy/index.ts";
import { arbitraryFragment, arbitraryRoute, arbitraryUpstream } from "./support/arbitrary.ts";
import { wholeVirtualHost } from "./support/input.ts";
import { validateWithEnvoy } from "./support/validate.ts";

const context: TranslationContext = {
  settings: translationSettings(undefined),
  upstream: () => ({ valid: true, subsets: [["a"]] }),
  upstreamGroup: () => undefined,
  tlsSecret: () => undefined,
};

// A failing batch is not made smaller: Envoy's reason says more, and each attempt costs a start of Envoy.
const batches = { numRuns: 4, endOnFailure: true };

test("whatever a route is, it is translated to routes that a real Envoy accepts", async () => {
  const routes = fc.array(arbitraryRoute, { minLength: 60, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(routes, async (batch) => {
      const translated = batch.map((route, at) => {
        const virtualHost = {
          name: `v${at}`,
          domains: ["*"],
          routes: [route],
          options: undefined,
          opaqueMetadata: undefined,
        };
        const fragment = {
          virtualHosts: [virtualHost],
          owner: undefined,
          listenerName: "",
          listener: undefined,
          sslConfig: undefined,
        };
        return wholeVirtualHost(translateVirtualHost({ ...fragment, metadata: undefined, proxy: undefined }, context));
      });
      for (const [at, { virtualHost }] of translated.entries()) {
        expect(virtualHost?.routes).toHaveLength(Math.max(1, batch[at]?.matchers.length ?? 0));
      }
      expect(translated.filter(({ clusters }) => clusters.length > 0).length).toBeGreaterThan(5);
      expect(
        await validateWithEnvoy({ virtualHosts: translated.flatMap(({ virtualHost }) => virtualHost ?? []) }),
      ).toBe(undefined);
    }),
    batches,
  );
});

test("whatever an upstream is, a real Envoy accepts its cluster, if it has one", async () => {
  const upstreams = fc.array(arbitraryUpstream, { minLength: 60, maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(upstreams, async (batch) => {
      const clusters = batch.flatMap((upstream, at) => {
        const metadata = upstream.metadata && { ...upstream.metadata, name: `u${at}` };
        return translateUpstream({ ...upstream, metadata }, context).cluster ?? [];
      });
      expect(clusters.length).toBeGreaterThan(5);
      expect(await validateWithEnvoy({ clusters })).toBeUndefined();
    }),
    batches,
  );
});

test("whatever a fragment is, its translation doesn't throw, and a fatal one forwards nothing", () => {
  fc.assert(
    fc.property(arbitraryFragment, (fragment) => {
      translateListener(fragment, context);
      const { clusters, fatal } = translateVirtualHost(fragment, context);
      expect(fatal ? clusters : []).toEqual([]);
    }),
    { numRuns: 300 },
  );
});
