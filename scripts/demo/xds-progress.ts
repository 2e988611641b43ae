/** Whether proxies have taken over what the control plane has for them. */
export interface XdsProgress {
  /** Differs whenever something else is served. */
  readonly version: string;
  /** Every proxy has accepted all of it. */
  readonly accepted: boolean;
  /** What a proxy said of the part that it refused last. */
  readonly refusal: string | undefined;
}

interface XdsPage {
  readonly snapshots: Readonly<
    Record<string, readonly { readonly typeUrl: string; readonly version: string; readonly resources: object }[]>
  >;
  readonly streams: readonly {
    readonly key?: string;
    readonly types: readonly {
      readonly typeUrl: string;
      readonly sent?: string;
      readonly acked?: string;
      readonly outstanding: number;
      readonly nacked?: { readonly error: { readonly message: string } };
    }[];
  }[];
}

/** Reads the control plane's page `/debug/xds` for one snapshot key. */
export async function readXdsProgress(adminPort: number, key: string): Promise<XdsProgress> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/debug/xds`);
  const { snapshots, streams } = (await answer.json()) as XdsPage;
  const served = (snapshots[key] ?? []).filter(({ resources }) => Object.keys(resources).length > 0);
  const types = streams.filter((stream) => stream.key === key).flatMap((stream) => stream.types);
  const accepted = served.every(({ typeUrl, version }) => {
    const here = types.filter((type) => type.typeUrl === typeUrl);
    return here.length > 0 && here.every((type) => type.acked === version && type.outstanding === 0);
  });
  return {
    version: served.map(({ typeUrl, version }) => `${typeUrl} ${version}`).join("\n"),
    accepted,
    refusal: types.find(({ nacked }) => nacked !== undefined)?.nacked?.error.message,
  };
}
