// What of the Settings says where resources are. It loads nothing of the control plane, so that the command line can use it.
export {
  artifactSource,
  configSource,
  consulOptions,
  DEFAULT_NAMESPACE,
  type SourceView,
  secretSources,
} from "./source-view.ts";
export { vaultSource, type VaultOverrides } from "./vault-source.ts";
