import { describe, expect, it } from "vitest";
import { createBed, epoxy } from "./support/epoxy.ts";

describe.concurrent("epoxy codegen", () => {
  it("hands its options to the generator", async () => {
    const { code, stdout, stderr } = await epoxy(["codegen", "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Usage: epoxy codegen [--check]");
  });

  it("ends as the generator ends", async () => {
    await using bed = await createBed();
    const { code, stderr } = await epoxy(["codegen", "--check"], { cwd: bed.dir });
    expect(code).toBe(1);
    expect(stderr).toContain("buf.gen.yaml");
  });
});
