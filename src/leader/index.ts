export { alwaysLeader } from "./always-leader.ts";
export type { ConsulElection, ConsulElectionOptions } from "./consul-election.ts";
export { consulElection } from "./consul-election.ts";
export type { LeaseElection, LeaseElectionOptions } from "./lease-election.ts";
export { leaseElection } from "./lease-election.ts";
export type { LeaderElection, LeaderState } from "./leader-election.ts";
