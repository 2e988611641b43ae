/** A bug, as the text of a file under `src/xds` that it replaces, which is there once. */
export interface PlantedBug {
  readonly what: string;
  readonly file: string;
  readonly text: string;
  readonly instead: string;
}

/** Bugs that a server like this has had, or could have. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    what: "a delta subscription isn't answered where the name changed nothing",
    file: "server/delta.ts",
    text: "    claimed?.delete(name);\n    owed.add(name);",
    instead: "    claimed?.delete(name);",
  },
  {
    what: "a name that leaves the delta subscription, but is still covered by everything, isn't told again",
    file: "server/delta.ts",
    text: "    if (subscription.wildcard) owe(name);\n    else forget(name);",
    instead: "    forget(name);",
  },
  {
    what: "removals in a refused delta response count as taken",
    file: "server/delta.ts",
    text: "      for (const name of response.removed) (response.resources.length > 0 ? held : unremoved).add(name);\n",
    instead: "",
  },
  {
    what: "a reconnecting delta client isn't told what has gone meanwhile",
    file: "server/delta.ts",
    text: "        owed.delete(name);\n        held.add(name);",
    instead: "        owed.delete(name);",
  },
  {
    what: "a delta client that subscribes to everything again keeps what was on its way and is gone",
    file: "server/delta.ts",
    text: "        for (const it of response.resources) if (log.get(it.name) === undefined) owe(it.name);\n",
    instead: "",
  },
  {
    what: "what was sent is taken for what a state-of-the-world client has, though it refused that",
    file: "server/sotw.ts",
    text: "      for (const [name, prior] of priors) if (!stillHas.has(name)) stillHas.set(name, prior);\n",
    instead: "",
  },
  {
    what: "what a state-of-the-world client has newly subscribed to is never suspected",
    file: "server/sotw.ts",
    text: "      if (tracks && !before) gained.add(name);\n",
    instead: "",
  },
  {
    what: "a refused state-of-the-world request ends the wait without looking for the fault",
    file: "server/sotw.ts",
    text: "    quarantine.answered(response, response.resources, errorDetail);\n",
    instead: "",
  },
  {
    what: "the first change counts as one that nobody has to be told the end of",
    file: "cache/type-log.ts",
    text: "let head = 1;",
    instead: "let head = 0;",
  },
  {
    what: "a change of a named resource is told to those that want everything only",
    file: "cache/type-log.ts",
    text: "    for (const reader of readersByName.get(name)?.readers ?? []) reader.changed(name, before);\n",
    instead: "",
  },
  {
    what: "what one proxy refuses is kept from all",
    file: "quarantine/quarantine.ts",
    text: "const SPREADS_FROM = 2;",
    instead: "const SPREADS_FROM = 1;",
  },
  {
    what: "the half that wasn't tried isn't suspected when the other one was good",
    file: "quarantine/bisection.ts",
    text: "guilty = new Set(rest.filter((unit) => guilty.has(unit)));",
    instead: "guilty = new Set();",
  },
  {
    what: "a resource that changed while it was suspected is never given again",
    file: "quarantine/type-quarantine.ts",
    text: "      search?.forget(name);\n",
    instead: "",
  },
];
