/**
 * The name that ts-proto gives a field, oneof or message. Differs from protobuf's JSON name where a part is in capitals
 * or starts with one. Source: ts-proto 2, snakeToCamel=json,keys
 */
export function tsProtoName(name: string): string {
  if (!name.includes("_")) return name;
  const mixed = /[a-z]/.test(name);
  return name
    .split("_")
    .map((word) => (mixed ? word : word.toLowerCase()))
    .map((word, index) => (index === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
    .join("");
}

/** The name of ts-proto's interface for a message, given the names from the outermost message to it. */
export function tsProtoMessageName(path: readonly string[]): string {
  const name = path.map(tsProtoName).join("_");
  return name === "Date" || name === "Function" ? `${name}Message` : name;
}
