import {
  SECCOMP_ACTIONS,
  SECCOMP_ARCHS,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
  type Seccomp,
  type SeccompAction,
  type SeccompArg,
  type SeccompRule,
} from '../spec.ts';
import { and, list, object, oneOf, optional, orElse, unlessEmpty, type Check } from './check.ts';
import { integer, uint64 } from './numbers.ts';
import type { Place } from './place.ts';
import { absolutePath, nonEmpty, text } from './strings.ts';

/** Errnos above 4095 are no errors to the C library, and the filter's data field has 16 bits. */
const errno = integer(0, 0xffff);

const argument = object<SeccompArg>({
  index: integer(0, 5),
  value: uint64,
  valueTwo: orElse(uint64, 0n),
  op: oneOf(SECCOMP_OPERATORS),
});

const ruleFields = object<SeccompRule>({
  names: and(list(nonEmpty), (names) => names.length > 0, 'at least one system call'),
  action: oneOf(SECCOMP_ACTIONS),
  errnoRet: optional(errno),
  args: list(argument),
});

const rule: Check<SeccompRule> = (value, at) => {
  const checked = ruleFields(value, at);
  refuseUselessErrno(checked.action, checked.errnoRet, at.at('errnoRet'));
  return checked;
};

/** "When the action doesn't support an errno" there must be an error (config-linux.md, Seccomp). */
function refuseUselessErrno(action: SeccompAction, value: number | undefined, at: Place): void {
  if (value === undefined || action === 'SCMP_ACT_ERRNO' || action === 'SCMP_ACT_TRACE') return;
  throw at.refusal(value, `none, as ${action} returns no errno`);
}

const fields = object<Seccomp>({
  defaultAction: oneOf(SECCOMP_ACTIONS),
  defaultErrnoRet: optional(errno),
  architectures: list(oneOf(SECCOMP_ARCHS)),
  flags: optional(list(oneOf(SECCOMP_FLAGS))),
  listenerPath: unlessEmpty(absolutePath),
  listenerMetadata: unlessEmpty(text),
  syscalls: list(rule),
});

const seccomp: Check<Seccomp> = (value, at) => {
  const checked = fields(value, at);
  refuseUselessErrno(checked.defaultAction, checked.defaultErrnoRet, at.at('defaultErrnoRet'));
  if (checked.listenerMetadata !== undefined && checked.listenerPath === undefined) {
    throw at.at('listenerMetadata').refusal(checked.listenerMetadata, 'none without a listenerPath');
  }
  return checked;
};

/** An object without action and rules is no filter, as for runc (libcontainer/specconv, SetupSeccomp). */
export const checkSeccomp: Check<Seccomp | undefined> = (value, at) =>
  value === undefined || isNoFilter(value) ? undefined : seccomp(value, at);

function isNoFilter(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { defaultAction, syscalls } = value as { defaultAction?: unknown; syscalls?: unknown };
  const noRules = (syscalls ?? undefined) === undefined || (Array.isArray(syscalls) && syscalls.length === 0);
  return noRules && (defaultAction ?? '') === '';
}
