import { configDefaults, defineConfig } from "vitest/config";

/** Tests that time real processes, or run many of them. */
const real = [
  "test/{cli,consul,control-plane,deploy,discovery,e2e,examples,kubernetes,leader,support}/**/*.test.ts",
  "test/codegen/**/*.test.ts",
  "test/envoy/{goldens,oracle,serving}.test.ts",
  "test/{hostile,storage}/consul*.test.ts",
  "test/storage/file*.test.ts",
  "test/storage/kubernetes*.test.ts",
  "test/storage/vault*.test.ts",
  "test/xds/{envoy,hostile-clients,hostile-defaults,modes,nack,types}.test.ts",
  "test/{demo,package}.test.ts",
];

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["test/**/*.test.ts"],
          exclude: [...configDefaults.exclude, ...real],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // One after the other, after all others: on two cores they would only take each other's time. What starts processes may be
        // slow on a busy machine; what must be quick asserts so itself.
        test: {
          name: "real",
          include: real,
          maxWorkers: 1,
          maxConcurrency: 3,
          testTimeout: 60_000,
          globalSetup: "test/support/kubernetes/global-setup.ts",
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
