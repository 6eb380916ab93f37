import { LxcBackend, type LxcBackendOptions } from '../../../shim/backends/lxc/lxc-backend.ts';
import { StatusError } from '../../../common/errors.ts';
import type { Spec } from '../../../shim/oci/spec.ts';
import { accept, type Json } from '../oci/documents.ts';
import { parsePlan, type Operation } from '../support/native-plan.ts';
import { V2 } from './hierarchies.ts';

export interface Prepared {
  /** lxc.conf, as liblxc reads it: a key may be there more than once. */
  readonly config: readonly (readonly [key: string, value: string])[];
  readonly init: readonly Operation[];
  readonly monitor: readonly Operation[];
  /** Their directories. */
  readonly cgroups: readonly string[];
}

/** liblxc, confile.c: parse_line. */
export function parseLxcConfig(text: string): [key: string, value: string][] {
  return text
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [key = '', ...rest] = line.split('=');
      const value = rest.join('=').trim();
      const quoted = /^(["'])(.*)\1$/s.exec(value);
      return [key.trim(), quoted?.[2] ?? value];
    });
}

export const DIRECTORY = '/run/lxcri/containers/default/hello';

export async function prepareSpec(spec: Spec, options: Partial<LxcBackendOptions> = {}): Promise<Prepared> {
  const backend = new LxcBackend({
    libraryDirectory: '/usr/lib/lxcri',
    rootfsMount: '/run/lxcri/rootfs',
    hierarchies: V2,
    hugePageSizes: [],
    ...options,
  });
  const request = { namespace: 'default', id: 'hello', bundle: '/run/bundle', directory: DIRECTORY, spec };
  const { files, plan, cgroups } = await backend.prepare(request);
  return {
    config: parseLxcConfig(files.get('lxc.conf') ?? ''),
    init: parsePlan(files.get('init.plan') ?? '', 'init'),
    monitor: parsePlan(plan.toString(), 'monitor'),
    cgroups: cgroups.map(({ directory }) => directory),
  };
}

/** The smallest container that the backend takes, with these values at dotted paths. */
export const prepare = (values: Json = {}, options: Partial<LxcBackendOptions> = {}): Promise<Prepared> =>
  prepareSpec(accept({ 'linux.namespaces': [{ type: 'mount' }], ...values }), options);

/** The message with which a container is refused. */
export async function refusal(values: Json, options: Partial<LxcBackendOptions> = {}): Promise<string | undefined> {
  try {
    await prepare(values, options);
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error.message;
    throw error;
  }
}
