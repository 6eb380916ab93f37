import { capabilityNumber } from '../capabilities.ts';
import {
  IO_PRIORITY_CLASSES,
  RLIMIT_TYPES,
  SCHEDULER_FLAGS,
  SCHEDULER_POLICIES,
  type Capabilities,
  type ConsoleSize,
  type CpuAffinity,
  type IoPriority,
  type Process,
  type Rlimit,
  type Scheduler,
  type User,
} from '../spec.ts';
import {
  and,
  bool,
  list,
  object,
  oneOf,
  optional,
  orElse,
  orEmpty,
  refused,
  unlessEmpty,
  type Check,
} from './check.ts';
import { id, int32, integer, uint16, uint64 } from './numbers.ts';
import { absolutePath, line, matching, text } from './strings.ts';

const username: Check<undefined> = (value, at) => {
  if (value !== undefined && value !== '') at.warn('ignored, it is for Windows; uid and gid decide here');
  return undefined;
};

/** Linux's NGROUPS_MAX. */
const MAX_GROUPS = 65_536;

const user = object<User & { username?: undefined }>({
  uid: orElse(id, 0),
  gid: orElse(id, 0),
  umask: optional(integer(0, 0o777)),
  additionalGids: and(list(id), (gids) => gids.length <= MAX_GROUPS, `at most ${MAX_GROUPS} groups`),
  username,
});

/** What the specification says of names that this kernel may not have: warn, and go on without. */
const capabilitySet: Check<readonly string[]> = (value, at) => {
  const names = new Set(list(text)(value, at));
  for (const name of names) {
    if (capabilityNumber(name) !== undefined) continue;
    at.warn(`${JSON.stringify(name.slice(0, 60))} is not a capability that Linux has; it is ignored`);
    names.delete(name);
  }
  return [...names];
};

const capabilities = object<Capabilities>({
  bounding: capabilitySet,
  effective: capabilitySet,
  inheritable: capabilitySet,
  permitted: capabilitySet,
  ambient: capabilitySet,
});

const rlimitFields = object<Rlimit>({ type: oneOf(RLIMIT_TYPES), hard: uint64, soft: uint64 });

const rlimit: Check<Rlimit> = (value, at) => {
  const checked = rlimitFields(value, at);
  if (checked.soft > checked.hard) {
    throw at.at('soft').refusal(checked.soft, `at most the hard limit, ${checked.hard}`);
  }
  return checked;
};

const rlimits: Check<readonly Rlimit[]> = (value, at) => {
  const checked = list(rlimit)(value, at);
  checked.forEach(({ type }, index) => {
    if (checked.findIndex((other) => other.type === type) === index) return;
    throw at.at(index).at('type').refusal(type, 'each type once');
  });
  return checked;
};

const schedulerFields = object<Scheduler>({
  policy: oneOf(SCHEDULER_POLICIES),
  nice: orElse(integer(-20, 19), 0),
  priority: orElse(int32, 0),
  flags: list(oneOf(SCHEDULER_FLAGS)),
  runtime: orElse(uint64, 0n),
  deadline: orElse(uint64, 0n),
  period: orElse(uint64, 0n),
});

/** sched_setattr(2): which parameters belong to which policy. */
const scheduler: Check<Scheduler> = (value, at) => {
  const checked = schedulerFields(value, at);
  const realtime = checked.policy === 'SCHED_FIFO' || checked.policy === 'SCHED_RR';
  if (checked.priority !== 0 && !realtime) {
    throw at.at('priority').refusal(checked.priority, 'none, unless policy is SCHED_FIFO or SCHED_RR');
  }
  for (const key of ['runtime', 'deadline', 'period'] as const) {
    if (checked[key] === 0n || checked.policy === 'SCHED_DEADLINE') continue;
    throw at.at(key).refusal(checked[key], 'none, unless policy is SCHED_DEADLINE');
  }
  return checked;
};

const ioPriority = object<IoPriority>({
  class: oneOf(IO_PRIORITY_CLASSES),
  priority: orElse(integer(0, 7), 0),
});

const cpuList = unlessEmpty(matching(/^[0-9, -]*$/, 'a list of CPUs such as "0-3,7"'));
const execCPUAffinity = object<CpuAffinity>({ initial: cpuList, final: cpuList });

const consoleSize = object<ConsoleSize>({ height: uint16, width: uint16 });

/** Does not show the value, which may be a secret. runc refuses the same entries (libcontainer/env.go). */
const envEntry: Check<string> = (value, at) => {
  if (typeof value !== 'string') throw at.refusal(value, 'a string');
  const name = value.slice(0, Math.max(value.indexOf('='), 0));
  if (name === '') throw at.refusal('(not shown)', 'NAME=value');
  text(name, at);
  try {
    return text(value, at);
  } catch {
    throw at.refusal(`${name}=(not shown)`, 'a value without NUL and without unpaired surrogates');
  }
};

/** Each name once, with its last value, at the last place, as runc does it. */
const env: Check<readonly string[]> = (value, at) => {
  const byName = new Map<string, string>();
  for (const entry of list(envEntry)(value, at)) {
    const name = entry.slice(0, entry.indexOf('='));
    byName.delete(name);
    byName.set(name, entry);
  }
  return [...byName.values()];
};

const processFields = object<Process & { commandLine?: undefined }>({
  terminal: bool,
  consoleSize: optional(consoleSize),
  user: orEmpty(user),
  args: and(list(text), (args) => args.length > 0, 'at least one argument, the executable'),
  env,
  cwd: absolutePath,
  capabilities: optional(capabilities),
  rlimits,
  noNewPrivileges: bool,
  apparmorProfile: unlessEmpty(line),
  oomScoreAdj: optional(integer(-1000, 1000)),
  scheduler: optional(scheduler),
  selinuxLabel: unlessEmpty(line),
  ioPriority: optional(ioPriority),
  execCPUAffinity: optional(execCPUAffinity),
  commandLine: unlessEmpty(refused('no command line, which is for Windows; give args')),
});

/** `process` of a config.json, or the payload of an Exec request. */
export const checkProcess: Check<Process> = (value, at) => {
  const { consoleSize: size, ...checked } = processFields(value, at);
  return checked.terminal && size !== undefined ? { ...checked, consoleSize: size } : checked;
};
