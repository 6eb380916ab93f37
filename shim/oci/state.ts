import type { StringMap } from './spec.ts';

/** The version of the specification that the state document follows; its form has not changed since 1.0. */
export const OCI_VERSION = '1.3.0';

/**
 * The OCI state document, which hooks read from stdin (runtime.md, State), up to what changes: the native programs add
 * status, pid and the closing brace (shim/native/common/hooks.c).
 */
export function beginState({
  id,
  bundle,
  annotations,
}: {
  readonly id: string;
  /** Absolute. */
  readonly bundle: string;
  readonly annotations: StringMap;
}): string {
  const said = Object.keys(annotations).length > 0 ? { annotations } : {};
  return JSON.stringify({ ociVersion: OCI_VERSION, id, bundle, ...said }).slice(0, -1);
}
