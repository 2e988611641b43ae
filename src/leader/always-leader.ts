import type { LeaderElection } from "./leader-election.ts";

/** For engines that one process has to itself: files, memory. */
export function alwaysLeader(): LeaderElection {
  const close = async (): Promise<void> => {};
  return {
    description: "this process only",
    isLeader: true,
    state: { isLeader: true, problem: undefined },
    onChange(listener) {
      listener(true);
      return () => {};
    },
    campaign: close,
    close,
    [Symbol.asyncDispose]: close,
  };
}
