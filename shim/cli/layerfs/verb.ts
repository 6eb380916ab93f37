import type { ParseArgsConfig } from 'node:util';
import type { LayerFsClient } from './client.ts';

type Options = NonNullable<ParseArgsConfig['options']>;
export type Values = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

/** What a verb is given. */
export interface Invocation {
  readonly positionals: readonly string[];
  readonly values: Values;
  readonly json: boolean;
  readonly client: LayerFsClient;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Verb {
  readonly name: string;
  /** Its arguments, for the usage. */
  readonly args: string;
  /** How many arguments it takes. */
  readonly least: number;
  readonly most: number;
  readonly summary: string;
  /** What the summary does not tell, options and examples. */
  readonly help: string;
  readonly options?: Options;
  /** @returns the exit code. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

export const text = { type: 'string' } as const;
export const texts = { type: 'string', multiple: true } as const;
export const flag = { type: 'boolean' } as const;

export const textOf = (values: Values, name: string): string => {
  const value = values[name];
  return typeof value === 'string' ? value : '';
};
export const textsOf = (values: Values, name: string): string[] => {
  const value = values[name];
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
};
