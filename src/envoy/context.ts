import type { CircuitBreakerConfig } from "../../generated/proto/epoxy/gloo/circuit_breaker/v1/circuit_breaker.ts";
import type { UpstreamGroup } from "../../generated/proto/epoxy/gloo/v1/proxy.ts";
import type { GlooOptions_InvalidConfigPolicy, Settings } from "../../generated/proto/epoxy/gloo/v1/settings.ts";
import type { Ref } from "../resources/index.ts";
import type { TlsSecretState } from "./tls/tls-secret.ts";

/** What a route needs to know of an Upstream. Small on purpose: a change of its hosts translates no route again. */
export interface UpstreamState {
  /** False: the Upstream has errors, or its kind isn't supported, so that it has no cluster. */
  readonly valid: boolean;
  /** Keys of each of its subsets, sorted. A destination's `subset` must have exactly the keys of one of them. */
  readonly subsets: readonly (readonly string[])[];
}

/** A Service of Kubernetes, as far as translation depends on it. */
export interface KubernetesService {
  /** Those for TCP. Undefined: not known, as where nobody looks at a cluster. */
  readonly ports: readonly { readonly port: number; readonly name: string }[] | undefined;
  /** The name that a service of type ExternalName stands for. */
  readonly externalName?: string | undefined;
  /** Why nothing is known of it, though it may be there. */
  readonly unread?: string | undefined;
}

/** The settings that translation depends on. */
export interface TranslationSettings {
  readonly invalidConfigPolicy: GlooOptions_InvalidConfigPolicy | undefined;
  /** For Upstreams that have none. */
  readonly circuitBreakers: CircuitBreakerConfig | undefined;
  /** Largest program, in instructions as RE2 counts them, that a regex may compile to; undefined: as Envoy does. */
  readonly regexMaxProgramSize: number | undefined;
  /** Whether each virtual host has a route table of its own, chosen by scope, for its exact domains. */
  readonly scopedRoutes: boolean;
  /** Whether each proxy gets the clusters of all Upstreams, and not only those that its routes lead to. */
  readonly allUpstreams: boolean;
  /** Whether routes may name Kubernetes services. */
  readonly kubernetesDestinations: boolean;
  /** Whether a TLS secret that isn't there is a warning, and no error: it may come later. */
  readonly warnMissingTlsSecret: boolean;
}

/** Takes from the Settings what translation depends on, so that a change of anything else translates nothing again. */
export function translationSettings(settings: Settings | undefined): TranslationSettings {
  const gloo = settings?.gloo;
  return {
    invalidConfigPolicy: gloo?.invalidConfigPolicy,
    circuitBreakers: gloo?.circuitBreakers,
    regexMaxProgramSize: gloo?.regexMaxProgramSize,
    scopedRoutes: gloo?.disableScopedRoutes !== true,
    allUpstreams: gloo?.serveAllUpstreams === true,
    kubernetesDestinations: gloo?.disableKubernetesDestinations !== true,
    warnMissingTlsSecret: settings?.gateway?.validation?.warnMissingTlsSecret === true,
  };
}

/**
 * Everything that one translation looks at beside its own input. The caller provides it, and may track who asked for
 * what. Look-ups must be free of side effects that a translator could see.
 */
export interface TranslationContext {
  /** Undefined: there is no such Upstream. */
  upstream(ref: Ref): UpstreamState | undefined;
  upstreamGroup(ref: Ref): UpstreamGroup | undefined;
  /** Undefined: there is no such Secret. */
  tlsSecret(ref: Ref): TlsSecretState | undefined;
  /** Undefined: there is no such service. No function: no Kubernetes is configured. */
  readonly kubernetesService?: ((ref: Ref) => KubernetesService | undefined) | undefined;
  readonly settings: TranslationSettings;
  /** The listener's `routeOptions.maxDirectResponseBodySizeBytes`; undefined: Envoy's default of 4096. */
  readonly maxDirectResponseBodyBytes?: number | undefined;
}
