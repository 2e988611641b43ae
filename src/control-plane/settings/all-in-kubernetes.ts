import type { Settings } from "../../../generated/proto/epoxy/gloo/v1/settings.ts";
import { SettingsType } from "../../../generated/sdk/index.ts";

/** Settings that leave a source open mean Kubernetes, where they themselves come from there. */
export function allInKubernetes(given: Settings | undefined): Settings {
  const settings = given ?? SettingsType.codec.fromPartial({});
  const { configSource, secretSource, secretOptions, artifactSource } = settings;
  const hasSecrets = secretSource !== undefined || (secretOptions?.sources.length ?? 0) > 0;
  return {
    ...settings,
    configSource: configSource ?? { $case: "kubernetesConfigSource", value: {} },
    secretSource: hasSecrets ? secretSource : { $case: "kubernetesSecretSource", value: {} },
    artifactSource: artifactSource ?? { $case: "kubernetesArtifactSource", value: {} },
  };
}
