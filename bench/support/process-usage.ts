import { readFileSync } from "node:fs";

/** Linux counts CPU time in ticks of 10 ms. */
const TICK_MS = 10;

/** CPU time that a process has used so far, in milliseconds (in steps of 10). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process, in MB; `peak`: the most that it ever was. */
export function memoryMb(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? Number.NaN);
  return { now: Math.round(kilobytes("VmRSS") / 1024), peak: Math.round(kilobytes("VmHWM") / 1024) };
}

/** Waits until a process has done all that its start brought, such as writing statuses and saving its state. */
export async function untilIdle(pid: number): Promise<void> {
  for (let before = Number.NEGATIVE_INFINITY, now = cpuMs(pid); now - before > TICK_MS; ) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 500));
    now = cpuMs(pid);
  }
}
