/** What all options have. */
interface OptionBase {
  /** One letter. */
  readonly short?: string;
  /** What help says, without a full stop. */
  readonly help: string;
  /** Environment variable that is read where the option isn't given. */
  readonly env?: string;
}

export interface TextOption extends OptionBase {
  readonly type: "text";
  /** How help names the value, such as `FILE`. */
  readonly value: string;
  readonly default?: string;
  /** The only values. */
  readonly choices?: readonly string[];
}

export interface IntegerOption extends OptionBase {
  /** From 0 up. */
  readonly type: "integer";
  readonly value: string;
  readonly default?: number;
}

/** May be given several times, with several values each, separated by commas; a value with commas stands in double quotes. */
export interface ListOption extends OptionBase {
  readonly type: "list";
  readonly value: string;
}

export interface FlagOption extends OptionBase {
  readonly type: "flag";
}

/** An option of the command line, as data: parsing, help and completion go by it. */
export type Option = TextOption | IntegerOption | ListOption | FlagOption;

/** Options by name, such as `dest-name`. */
export type OptionTable = Readonly<Record<string, Option>>;

type ValueOf<O> = O extends { readonly type: "flag" }
  ? boolean
  : O extends { readonly type: "list" }
    ? readonly string[]
    :
        | (O extends { readonly type: "integer" }
            ? number
            : O extends { readonly choices: readonly (infer C)[] }
              ? C
              : string)
        | (O extends { readonly default: unknown } ? never : undefined);

/** The values that the options of a table have once they are parsed. */
export type ValuesOf<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };
