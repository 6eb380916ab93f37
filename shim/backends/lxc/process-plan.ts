import type { Plan } from '../../monitor/plan.ts';
import { capabilityNumber } from '../../oci/capabilities.ts';
import { RLIMIT_TYPES, type Process, type Spec } from '../../oci/spec.ts';

const DEFAULT_UMASK = 0o022;

/** personality(2), by the names of config-linux.md. */
const PERSONALITIES = { LINUX: 0, LINUX32: 8 } as const;

/** What the init applies last, and the payload itself (shim/native/init/credentials.c). */
export function planProcess(spec: Spec, init: Plan): void {
  const { process, linux } = spec;
  for (const { type, soft, hard } of process.rlimits) init.add('rlimit', RLIMIT_TYPES.indexOf(type), soft, hard);
  const { uid, gid, umask, additionalGids } = process.user;
  init.add('user', uid, gid, umask ?? DEFAULT_UMASK, 1);
  for (const group of additionalGids) init.add('group', group);
  init.add('capabilities', ...capabilityMasks(process));
  if (process.noNewPrivileges) init.add('no-new-privileges');
  if (linux.personality !== undefined) init.add('personality', PERSONALITIES[linux.personality.domain]);
  init.add('cwd', process.cwd);
  for (const variable of process.env) init.add('env', variable);
  for (const argument of process.args) init.add('arg', argument);
}

function capabilityMasks({ capabilities }: Process): string[] {
  const { bounding, effective, permitted, inheritable, ambient } = capabilities;
  return [bounding, effective, permitted, inheritable, ambient].map((names) => mask(names).toString(16));
}

function mask(names: readonly string[]): bigint {
  return names.reduce((bits, name) => bits | (1n << BigInt(capabilityNumber(name) ?? 0)), 0n);
}
