/** The name that a field has in JSON unless its proto says otherwise. Source: protobuf's ToJsonName */
export const defaultJsonName = (name: string): string =>
  name.replace(/_+([^_]?)/g, (_, next: string) => next.toUpperCase());
