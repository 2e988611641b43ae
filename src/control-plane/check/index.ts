// Checks of a whole configuration. It loads the translators, but no server and no storage.
export {
  type CheckedResource,
  type CheckResult,
  checkConfiguration,
  type Configuration,
} from "./check-configuration.ts";
export type { Finding } from "./finding.ts";
export { viewNamespaces } from "../settings/settings-view.ts";
export { staticBootstraps } from "./envoy-bootstrap.ts";
