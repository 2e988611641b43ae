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
    what: "a refused state-of-the-world request ends the wait without looking for the fault",
    file: "server/sotw.ts",
    text: "    quarantine.answered(response, response.resources, errorDetail);\n",
    instead: "",
  },
  {
    what: "a change of a named resource is told to those that want everything only",
    file: "cache/type-log.ts",
    text: "    for (const reader of readersByName.get(name)?.readers ?? []) reader.changed(name, before);\n",
    instead: "",
  },
  {
    what: "what one proxy refuses is kept from all",
    file: "quarantine/verdict.ts",
    text: "const SPREADS_FROM = 2;",
    instead: "const SPREADS_FROM = 1;",
  },
  {
    what: "removed clusters stay in the state of the world for good",
    file: "server/sotw.ts",
    text: "    if (!holdRemovals) retained.clear();\n",
    instead: "",
  },
  {
    what: "a request with an old nonce counts as an answer to the newest response",
    file: "server/sotw.ts",
    text: "latest !== undefined && request.responseNonce !== latest.nonce",
    instead: "false",
  },
  {
    what: "a change that is due with a name's unsubscription is lost, though everything is subscribed to",
    file: "cache/subscription.ts",
    text: "    if (!(this.noteAll && this.wildcard)) this.changedNames.delete(name);",
    instead: "    this.changedNames.delete(name);",
  },
  {
    what: "what was removed is still given to those that named it",
    file: "cache/type-log.ts",
    text: "      notify(name, before);\n      if (removals",
    instead: "      if (removals",
  },
];
