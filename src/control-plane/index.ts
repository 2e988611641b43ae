export type { Readiness } from "./admin-server.ts";
export { type Component, components } from "./components.ts";
export { type ControlPlane, type ControlPlaneOptions, createControlPlane } from "./control-plane.ts";
export { digestOfJson } from "./content-digest.ts";
export type { ContentsReport } from "./contents-view.ts";
export type { Logger } from "./logger.ts";
export { formatHostPort, type HostPort, parseHostPort } from "./settings/host-port.ts";
export type { ProxyReport, ProxyResourceReport, ProxyTypeReport } from "./proxy-views.ts";
export type { XdsOverrides } from "./settings/xds-view.ts";
