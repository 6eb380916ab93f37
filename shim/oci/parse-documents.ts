/** From the bytes of an OCI document to the checked value. */
import { invalidArgument } from '../../common/errors.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import type { Check } from './check/check.ts';
import { rootOf } from './check/place.ts';
import { checkProcess } from './check/process.ts';
import { checkResources } from './check/resources.ts';
import { checkSpec } from './check/spec.ts';
import { JsonSyntaxError, parseJson } from './parse-json.ts';
import type { Process, Resources, Spec } from './spec.ts';

/** A checked document, and what was tolerated in it, one sentence each, for the log. */
export interface Checked<T> {
  readonly value: T;
  readonly warnings: readonly string[];
}

/**
 * A config.json. `name` stands for it in messages; `bundle` is the absolute path of its bundle. Throws a StatusError
 * with InvalidArgument that names the JSON path, the value and what is expected.
 */
export const parseSpec = (bytes: Uint8Array, name: string, bundle: string): Checked<Spec> =>
  parse(bytes, name, checkSpec(bundle));

/** What an Exec request brings: `…/opencontainers/runtime-spec/1/Process`, in JSON. */
export const parseProcess = (spec: Any, name: string): Checked<Process> =>
  parse(contentOf(spec, 'Process', name), name, checkProcess);

/** What an Update request brings: `…/opencontainers/runtime-spec/1/LinuxResources`, in JSON. */
export const parseResources = (resources: Any, name: string): Checked<Resources> =>
  parse(contentOf(resources, 'LinuxResources', name), name, checkResources);

/** A client that says nothing of the type is believed: containerd's own do, and runc's shim does not look. */
function contentOf({ typeUrl, value }: Any, type: string, name: string): Uint8Array {
  if (typeUrl === '' || typeUrl.endsWith(`/${type}`)) return value;
  throw invalidArgument(
    `${name} has the type ${JSON.stringify(typeUrl)}: expected types.containerd.io/opencontainers/runtime-spec/1/${type}`,
  );
}

function parse<T>(bytes: Uint8Array, name: string, check: Check<T>): Checked<T> {
  const warnings: string[] = [];
  const value = check(decode(bytes, name) ?? undefined, rootOf({ name, warnings }));
  return { value, warnings };
}

function decode(bytes: Uint8Array, name: string): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    // Bytes that are no UTF-8 would otherwise be replaced, and reach the container as something else.
    const reason = error instanceof JsonSyntaxError ? error.message : 'expected UTF-8';
    throw invalidArgument(`${name} is not valid JSON: ${reason}`, { cause: error });
  }
}
