import { load } from "js-yaml";
import { EpoxyError } from "../../errors/index.ts";
import type { KubeObject } from "../../kubernetes/index.ts";
import { renderYaml } from "../../resources/index.ts";
import type { ObjectForm } from "./object-codec.ts";
import { objectRef, placeOf } from "./object-document.ts";

interface KubeSecret extends KubeObject {
  readonly type?: string;
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;
type Texts = Readonly<Record<string, string>>;

/** How one kind of secret is kept. */
interface SecretShape {
  /** Of the Kubernetes Secret. */
  readonly type: string;
  /** The key of the resource's oneof. */
  readonly field: string;
  /** The keys of the data, by the fields that they hold. */
  readonly keys: Readonly<Record<string, string>>;
  /** Keys that must be there, for the Secret to be of this kind. */
  readonly needs: readonly string[];
  /** A field that takes all keys that aren't named. */
  readonly rest?: string;
}

/** Gloo's conversions, in its order. Source: projects/gloo/pkg/api/converters/kube of Gloo. */
const shapes: readonly SecretShape[] = [
  {
    type: "kubernetes.io/tls",
    field: "tls",
    keys: { certChain: "tls.crt", privateKey: "tls.key", rootCa: "ca.crt", ocspStaple: "tls.ocsp-staple" },
    needs: [],
  },
  {
    type: "Opaque",
    field: "aws",
    keys: { accessKey: "aws_access_key_id", secretKey: "aws_secret_access_key", sessionToken: "aws_session_token" },
    needs: ["aws_access_key_id", "aws_secret_access_key"],
  },
  {
    type: "extauth.solo.io/apikey",
    field: "apiKey",
    keys: { apiKey: "api-key" },
    needs: ["api-key"],
    rest: "metadata",
  },
  { type: "extauth.solo.io/oauth", field: "oauth", keys: { clientSecret: "client-secret" }, needs: ["client-secret"] },
  {
    type: "extauth.solo.io/accountcredentials",
    field: "credentials",
    keys: { username: "username", password: "password" },
    needs: ["username", "password"],
  },
  { type: "gloo.solo.io.EncryptionKeySecret", field: "encryption", keys: { key: "key" }, needs: ["key"] },
  { type: "gloo.solo.io/header", field: "header", keys: {}, needs: [], rest: "headers" },
];

/** Marks an Opaque secret that holds a resource field by field, as Gloo wrote all before it had the conversions above. */
const annotation = "resource_kind";
const annotated = "*v1.Secret";
const binary = "ocspStaple";

/** Secrets are Kubernetes' own. Those of other makers and purposes are none of ours, and not shown. */
export const secretForm: ObjectForm = {
  resource: { group: "", version: "v1", plural: "secrets", namespaced: true },
  keepsOthers: true,
  read(object) {
    const { type = "Opaque", data = {}, metadata } = object as KubeSecret;
    const known = shapes.find((shape) => shape.type === type && shape.needs.every((key) => Object.hasOwn(data, key)));
    if (known !== undefined) return { [known.field]: readShape(known, data) };
    if (type !== "Opaque") return undefined;
    if (metadata?.annotations?.[annotation] === annotated) return readFields(object, data);
    // As in Gloo: any other opaque secret may hold headers.
    return Object.keys(data).length === 0 ? undefined : { header: { headers: texts(data) } };
  },
  write(json, stored) {
    const before: KubeSecret | undefined = stored;
    const [field, value] = Object.entries(json.spec)[0] ?? [];
    const shape = shapes.find((candidate) => candidate.field === field && fits(candidate, value as Fields));
    const head = { apiVersion: "v1", kind: "Secret" };
    // The type of a Secret can't be changed, so what is kept field by field stays so.
    const isAnnotated = before?.type === "Opaque" && before.metadata?.annotations?.[annotation] === annotated;
    if (shape === undefined || isAnnotated) {
      const annotations = { ...(json.metadata["annotations"] as Texts | undefined), [annotation]: annotated };
      return { ...head, type: before?.type ?? "Opaque", data: writeFields(json.spec), metadata: { annotations } };
    }
    return { ...head, type: keptType(before, shape), data: writeShape(shape, value as Fields, before) };
  },
};

/** Headers may be in a Secret of type Opaque, too. */
const keptType = (before: KubeSecret | undefined, shape: SecretShape): string =>
  shape.field === "header" && before?.type === "Opaque" ? "Opaque" : shape.type;

const decode = (base64: string): string => Buffer.from(base64, "base64").toString();
const encode = (text: string): string => Buffer.from(text).toString("base64");
const texts = (data: Texts): Texts =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, decode(value)]));

function readShape({ keys, rest }: SecretShape, data: Texts): Fields {
  const named = Object.entries(keys).flatMap(([field, key]) => {
    const value = data[key];
    if (value === undefined || value === "") return [];
    return [[field, field === binary ? value : decode(value)] as const];
  });
  const others = Object.entries(texts(data)).filter(([key]) => !Object.values(keys).includes(key));
  return { ...Object.fromEntries(named), ...(rest !== undefined && { [rest]: Object.fromEntries(others) }) };
}

/** Whether all that is set has a place in the shape. */
const fits = ({ keys, rest }: SecretShape, value: Fields): boolean =>
  Object.keys(value).every((field) => Object.hasOwn(keys, field) || field === rest);

function writeShape({ type, keys, rest }: SecretShape, value: Fields, before: KubeSecret | undefined): Texts {
  const data: Record<string, string> = {};
  // What else is in there, such as other tools' keys beside a certificate, stays.
  if (rest === undefined) {
    for (const [key, kept] of Object.entries(before?.data ?? {}))
      if (!Object.values(keys).includes(key)) data[key] = kept;
  }
  for (const [field, key] of Object.entries(keys)) {
    const text = value[field];
    if (typeof text === "string") data[key] = field === binary ? text : encode(text);
    // The API server insists on these.
    else if (type === "kubernetes.io/tls" && (key === "tls.crt" || key === "tls.key")) data[key] = "";
  }
  for (const [key, text] of Object.entries((rest === undefined ? {} : value[rest]) ?? {}))
    data[key] = encode(`${text}`);
  return data;
}

function readFields(object: KubeObject, data: Texts): Fields {
  const place = placeOf(secretForm.resource, objectRef(object));
  const entries = Object.entries(texts(data)).map(([key, text]) => {
    try {
      return [key, load(text)] as const;
    } catch {
      // What the library says quotes the text, which is secret.
      throw new EpoxyError("invalid", `${place}: data.${key} is no YAML`, {
        location: { source: place, path: `data.${key}` },
      });
    }
  });
  return Object.fromEntries(entries);
}

const writeFields = (spec: Fields): Texts =>
  Object.fromEntries(Object.entries(spec).map(([key, value]) => [key, encode(renderYaml(value as never))]));
