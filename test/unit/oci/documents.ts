import { readFileSync } from 'node:fs';
import { StatusError } from '../../../common/errors.ts';
import { parseSpec } from '../../../shim/oci/parse-documents.ts';
import type { Spec } from '../../../shim/oci/spec.ts';

/** A JSON document to be changed at will. */
export interface Json {
  [key: string]: unknown;
}

export const FIXTURES = [
  'ctr-run',
  'docker-run',
  'nerdctl-run',
  'kubelet-container',
  'kubelet-sandbox-userns',
] as const;

/** The text of a spec as a client of containerd generates it. */
export const fixtureText = (name: (typeof FIXTURES)[number]): string =>
  readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), 'utf8');

/** The smallest document that is a container. */
export const minimal = (): Json => ({
  ociVersion: '1.0.2',
  process: { args: ['true'], cwd: '/' },
  root: { path: 'rootfs' },
});

/** `minimal` with these values at dotted paths; a number is a list's index, so lists grow one by one. */
export function minimalWith(values: Json): Json {
  const document = minimal();
  for (const [path, value] of Object.entries(values)) setAt(document, path.split('.'), value);
  return document;
}

/** Sets a value deep inside a document, with objects and lists made on the way. */
export function setAt(document: Json, [key = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    document[key] = value;
    return;
  }
  document[key] ??= /^[0-9]+$/.test(rest[0] ?? '') ? [] : {};
  setAt(document[key] as Json, rest, value);
}

/** JSON with bigints as numbers. */
export function encode(value: unknown): Buffer {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `bigint:${item}` : item));
  return Buffer.from(text.replace(/"bigint:(-?[0-9]+)"/g, '$1'));
}

export const BUNDLE = '/run/bundle';

export const parse = (document: unknown) => parseSpec(encode(document), 'config.json', BUNDLE);

/** The checked spec; throws if it is refused. */
export const accept = (values: Json): Spec => parse(minimalWith(values)).value;

/** The message with which the document is refused, or `undefined`. Any other exception passes. */
export function refusal(document: unknown): string | undefined {
  try {
    parse(document);
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}
