import { setMaxListeners } from "node:events";

/** The user's wish to stop, as a signal. */
export interface Interrupts {
  readonly signal: AbortSignal;
  /** What a command that was stopped ends with: 130 for SIGINT, 143 for SIGTERM. */
  exitCode(): number;
  close(): void;
}

/** The first SIGINT or SIGTERM aborts the signal, so that the command can end in order; a second one ends the process at once. */
export function interrupts(): Interrupts {
  const controller = new AbortController();
  // Every watch of a command listens; Node 22 would take more than ten for a leak.
  setMaxListeners(0, controller.signal);
  let code = 130;
  const listen = (name: "SIGINT" | "SIGTERM", exitCode: number) => {
    const onSignal = (): void => {
      if (controller.signal.aborted) process.exit(exitCode);
      code = exitCode;
      controller.abort(new Error("interrupted"));
    };
    process.on(name, onSignal);
    return () => process.off(name, onSignal);
  };
  const ends = [listen("SIGINT", 130), listen("SIGTERM", 143)];
  return {
    signal: controller.signal,
    exitCode: () => code,
    close: () => {
      for (const end of ends) end();
    },
  };
}
