/** A bug, as the text of a file under `src` that it replaces, which is there once. */
export interface PlantedBug {
  readonly what: string;
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

/** Bugs that a graph like this could have: they show only after edits, and never in a translation from scratch. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    what: "a route table is read without a note of who depends on it",
    file: "gateway/gateway-collections.ts",
    text: "routeTable: (ref) => lookup.get(inputs.routeTables, refKey(ref)),",
    instead: "routeTable: (ref) => (inputs.routeTables as any).values.get(refKey(ref)),",
  },
  {
    what: "options of virtual hosts by reference are read without a note of who depends on them",
    file: "gateway/gateway-collections.ts",
    text: "virtualHostOption: (ref) => lookup.get(inputs.virtualHostOptions, refKey(ref)),",
    instead: "virtualHostOption: (ref) => (inputs.virtualHostOptions as any).values.get(refKey(ref)),",
  },
  {
    what: "an upstream group is read without a note of who depends on it",
    file: "control-plane/envoy-graph.ts",
    text: "upstreamGroup: (ref) => lookup.get(inputs.upstreamGroups, refKey(ref)),",
    instead: "upstreamGroup: (ref) => (inputs.upstreamGroups as any).values.get(refKey(ref)),",
  },
  {
    what: "settings are read without a note of who depends on them",
    file: "control-plane/envoy-graph.ts",
    text: "return lookup.value(inputs.settings) ?? NO_SETTINGS;",
    instead: 'return (inputs.settings.collection as any).values.get("value") ?? NO_SETTINGS;',
  },
  {
    what: "a listener's limit of bodies doesn't reach the virtual hosts that are there",
    file: "control-plane/envoy-graph.ts",
    text: "const limit = lookup.get(limits, `${listenerKeyOf(fragment)}|`);",
    instead: "const limit = (limits as any).values.get(`${listenerKeyOf(fragment)}|`);",
  },
  {
    what: "endpoints that come later leave their cluster as it is",
    file: "control-plane/cluster-graph.ts",
    text: "const assignment = lookup.get(assignments, edsServiceName);",
    instead: "const assignment = (assignments as any).values.get(edsServiceName);",
  },
  {
    what: "a faulty virtual host doesn't leave its domains to one that comes later",
    file: "control-plane/envoy-graph.ts",
    text: "lookup.index(claims, domainKeyOf(fragment, domain)).some((claimant) => claimant !== fragment),",
    instead:
      "(claims as any).groupValues(domainKeyOf(fragment, domain)).some((claimant: unknown) => claimant !== fragment),",
  },
  {
    what: "a resource that is labelled anew stays where its old labels had it",
    file: "collections/index-node.ts",
    text: "if (!(stays?.has(group) ?? entered.includes(group))) this.#remove(group, key);",
    instead: "if (entered.length === 0) this.#remove(group, key);",
  },
  {
    what: "whom a group has lost isn't told to who looks at it",
    file: "collections/index-node.ts",
    text: "for (const group of left) {\n        touched.add(group);",
    instead: "for (const group of left) {",
  },
  {
    what: "of two that claim a key, the loser doesn't get it when the winner lets go",
    file: "collections/derived-many-node.ts",
    text: "if (known !== inputKey) this.#claims.set(key, [known, inputKey].sort());",
    instead: "if (known !== inputKey && inputKey < known) this.#claims.set(key, inputKey);",
  },
  {
    what: "a change within a part leaves the part around it as it is",
    file: "collections/part.ts",
    text: "for (let part = this.around; part !== undefined; part = part.around) part.isValid = false;",
    instead: "",
  },
  {
    what: "what a part looked at the first time is all that it depends on",
    file: "collections/tracker.ts",
    text: "if (known !== undefined && sameFootprint(known, footprint)) return;",
    instead:
      "if (known !== undefined && (looker instanceof Part ? known.length > 0 : sameFootprint(known, footprint))) return;",
  },
  {
    what: "keys stand in the order in which they came",
    file: "collections/sorted-view.ts",
    text: "keys.splice(position, 0, key);",
    instead: "keys.push(key);",
  },
  {
    what: "tables are translated as if what delegates to them had the matcher it had before",
    file: "gateway/keep-part.ts",
    text: "[inputs, owners, parent, name, named]",
    instead: "[name, owners, named]",
  },
  {
    what: "problems that change alone are lost",
    file: "control-plane/route-graph.ts",
    text: "structuralEquals(a.clusters, b.clusters) &&\n    structuralEquals(a.problems, b.problems)",
    instead: "structuralEquals(a.clusters, b.clusters)",
  },
  {
    what: "where a route stands in the text of its problem stays when it moves",
    file: "envoy/route-memo.ts",
    text: "(known.place.index === place.index || known.encoded.problems.length === 0) &&",
    instead: "",
  },
  {
    what: "a route is remembered with the body that an earlier limit allowed",
    file: "envoy/route-memo.ts",
    text: "known.maxBodyBytes === context.maxDirectResponseBodyBytes &&",
    instead: "",
  },
  {
    what: "a route is remembered whatever its context says now",
    file: "envoy/route-memo.ts",
    text: "answersSame(known.answers, context)",
    instead: "(answersSame(known.answers, context) || true)",
  },
  {
    what: "routes keep their names when those before them become more or fewer",
    file: "envoy/route-piece.ts",
    text: "const inputs = [routes, here, context.maxDirectResponseBodyBytes];",
    instead: "const inputs = [routes, place, context.maxDirectResponseBodyBytes];",
  },
  {
    what: "a version depends on how the routes were found before",
    file: "gateway/gateway-collections.ts",
    text: "structuralEquals(a, b) && joinedAlike(routesOf(a), routesOf(b))",
    instead: "structuralEquals(a, b) && (joinedAlike(routesOf(a), routesOf(b)) || true)",
  },
  {
    what: "tables are kept in the order that their former paths had",
    file: "gateway/sort-tables.ts",
    text: "run === other || (run.class === other.class && run.first === other.first && run.last === other.last)",
    instead: "run === other || run.class === other.class",
  },
  {
    what: "scopes that go stay in the cache",
    file: "control-plane/served-resource.ts",
    text: "if (after === undefined) edit.remove.push(",
    instead:
      'if (after === undefined && one.resource.typeUrl.includes("Scoped")) continue;\n        if (after === undefined) edit.remove.push(',
  },
  {
    what: "what went while the control plane was down stays in the cache",
    file: "control-plane/served-resource.ts",
    text: ".filter((name) => !wanted.has(nameKey(name))),",
    instead: '.filter((name) => !wanted.has(nameKey(name)) && name.name === ""),',
  },
  {
    what: "after a restart a virtual host that can't be built has lost its exact domains",
    file: "control-plane/saved-state/last-good.ts",
    text: "const own = part && { part, domains: ownDomains };",
    instead: "const own = undefined;",
  },
  {
    what: "after a restart the first by name has a domain, and not who had it",
    file: "gateway/claims.ts",
    text: "[previous?.owner, lastOwner(key)].find(wants)",
    instead: "[previous?.owner, lastOwner(key) && undefined].find(wants)",
  },
  {
    what: "labels of pods are read without a note of who depends on them",
    file: "control-plane/kubernetes-graph.ts",
    text: "podLabels: (pod) => lookup.get(pods, pod),",
    instead: "podLabels: (pod) => (pods as any).values.get(pod),",
  },
];
