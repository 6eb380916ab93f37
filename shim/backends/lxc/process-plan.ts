import type { Plan } from '../../monitor/plan.ts';
import { capabilityNumber } from '../../oci/capabilities.ts';
import { RLIMIT_TYPES, type Capabilities, type Process, type RlimitType, type Spec } from '../../oci/spec.ts';
import type { ExecDefaults, ExecRequest } from '../backend.ts';

const DEFAULT_UMASK = 0o022;

/** personality(2), by the names of config-linux.md. */
const PERSONALITIES: Readonly<Record<string, number>> = { LINUX: 0, LINUX32: 8 };

/** What the init applies last, and the payload itself (shim/native/init/credentials.c). */
export function planProcess(process: Process, defaults: ExecDefaults, init: Plan): void {
  planConfinement(defaults, init);
  const rlimits = process.rlimits.length > 0 ? process.rlimits : defaults.rlimits;
  for (const { type, soft, hard } of rlimits) {
    init.add('rlimit', RLIMIT_TYPES.indexOf(type as RlimitType), soft, hard);
  }
  const { uid, gid, umask, additionalGids } = process.user;
  init.add('user', uid, gid, umask ?? defaults.umask ?? DEFAULT_UMASK, 1);
  for (const group of additionalGids) init.add('group', group);
  init.add('capabilities', ...capabilityMasks(process.capabilities ?? defaults.capabilities));
  if (process.noNewPrivileges) init.add('no-new-privileges');
  if (defaults.personality !== undefined) init.add('personality', PERSONALITIES[defaults.personality] ?? 0);
  init.add('cwd', process.cwd);
  for (const variable of process.env) init.add('env', variable);
  for (const argument of process.args) init.add('arg', argument);
}

/** The same for a process that Exec adds: what it does not say, the container's first process has said. */
export function planExec({ process, defaults }: ExecRequest, init: Plan): void {
  if (process.terminal) planTerminal(process, init);
  planProcess(process, defaults, init);
}

/** The terminal of a process, which the init makes in the container's devpts. */
export function planTerminal({ consoleSize }: Process, init: Plan): void {
  init.add('field', 'process.terminal').add('terminal', consoleSize?.height ?? 0, consoleSize?.width ?? 0);
}

/** What runc's exec takes from the container: libcontainer/container_linux.go, newInitConfig. */
export function execDefaultsOf(
  { process, linux }: Pick<Spec, 'process' | 'linux'>,
  confinement: Pick<ExecDefaults, 'apparmorProfile' | 'seccomp'>,
): ExecDefaults {
  const { capabilities, rlimits, oomScoreAdj, user } = process;
  return {
    capabilities,
    rlimits: rlimits.map(({ type, soft, hard }) => ({ type, soft: soft.toString(), hard: hard.toString() })),
    umask: user.umask,
    oomScoreAdj,
    personality: linux.personality?.domain,
    ...confinement,
  };
}

/** The profile is checked, and an exec's own in place of the container's, by now. */
function planConfinement({ apparmorProfile, seccomp }: ExecDefaults, init: Plan): void {
  if (apparmorProfile !== undefined) {
    init.add('field', 'process.apparmorProfile').add('apparmor', apparmorProfile);
  }
  if (seccomp !== undefined) init.add('field', 'linux.seccomp').add('seccomp', seccomp.flags, seccomp.program);
}

function capabilityMasks(sets: Capabilities | undefined): string[] {
  const { bounding, effective, permitted, inheritable, ambient } = sets ?? {};
  return [bounding, effective, permitted, inheritable, ambient].map((names) => mask(names ?? []).toString(16));
}

function mask(names: readonly string[]): bigint {
  return names.reduce((bits, name) => bits | (1n << BigInt(capabilityNumber(name) ?? 0)), 0n);
}
