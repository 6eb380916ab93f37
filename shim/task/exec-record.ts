import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode, listIfExists, readTextIfExists, removeFile } from '../../common/files.ts';
import { parseMonitorStatus, type MonitorStatus } from '../monitor/messages.ts';
import { Plan } from '../monitor/plan.ts';
import type { CallIdentity } from './call-identity.ts';
import type { Stdio } from './stdio.ts';
import type { TerminalSize } from './task-process.ts';

/** What a daemon must know of an exec. */
export interface ExecRecord {
  readonly execId: string;
  readonly stdio: Stdio;
  /** Whose call added it. */
  readonly call?: CallIdentity | undefined;
}

/** What its monitor and its init are to do. */
export interface ExecPlan {
  readonly plan: Plan;
  readonly init: Plan;
}

const PLAN = '.plan';
const STATUS = '.status';
const SIZE = '.size';

/**
 * The directory of a container's execs: `ID.plan` is all that is said of each, `ID.status` what its monitor tells, and
 * `ID.size` which size its terminal is to begin with, if a client has said so.
 */
const directoryOf = (container: string) => path.join(container, 'execs');
const planOf = (container: string, execId: string) => path.join(directoryOf(container), execId + PLAN);

/** Writes everything that its start needs, in one file, which is what makes the exec exist. */
export async function writeExec(container: string, record: ExecRecord, { plan, init }: ExecPlan): Promise<void> {
  const whole = new Plan().add('record', JSON.stringify(record)).append(plan).add('init').append(init).toString();
  const file = planOf(container, record.execId);
  try {
    await writeFileAtomic(file, whole);
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error;
    // Its first exec. Never the container's own directory: that may be deleted meanwhile.
    await mkdir(directoryOf(container), { mode: 0o700 }).catch((reason: unknown) => {
      if (!hasErrorCode(reason, 'EEXIST')) throw reason;
    });
    await writeFileAtomic(file, whole);
  }
}

/** What its terminal is to begin with, whichever daemon starts it. */
export async function writeTerminalSize(container: string, execId: string, size: TerminalSize): Promise<void> {
  await writeFileAtomic(path.join(directoryOf(container), execId + SIZE), `${size.width} ${size.height}`);
}

/** From here on there is no such exec, and what else there is of it belongs to nobody. */
export async function removeExecPlan(container: string, execId: string): Promise<void> {
  await removeFile(planOf(container, execId));
}

/** What there is of an exec beside its plan; `hasSize` says whether a size was ever written. */
export async function removeExecLeftovers(container: string, execId: string, hasSize: boolean): Promise<void> {
  const endings = hasSize ? [STATUS, SIZE] : [STATUS];
  await Promise.all(endings.map((ending) => removeFile(path.join(directoryOf(container), execId + ending))));
}

/** All of it. */
export async function removeExec(container: string, execId: string): Promise<void> {
  await removeExecPlan(container, execId);
  await removeExecLeftovers(container, execId, true);
}

export interface FoundExec {
  readonly record: ExecRecord;
  readonly status: MonitorStatus | undefined;
  readonly size: TerminalSize | undefined;
}

/** What an earlier daemon left, with what the monitor wrote of each. Leftovers of interruptions are removed. */
export async function readExecs(container: string): Promise<readonly FoundExec[]> {
  const names = await listIfExists(directoryOf(container));
  const ids = new Set(names.filter((name) => name.endsWith(PLAN)).map((name) => name.slice(0, -PLAN.length)));
  const leftovers = names.filter((name) => !ids.has(name.replace(/\.(plan|(status|size)(\.new)?)$/, '')));
  await Promise.all(leftovers.map((name) => rm(path.join(directoryOf(container), name), { recursive: true })));
  return (await Promise.all([...ids].map((execId) => readExec(container, execId)))).flatMap((exec) => exec ?? []);
}

/** Undefined for one that cannot be read, which is removed: it must not cost the others, or the container. */
async function readExec(container: string, execId: string): Promise<FoundExec | undefined> {
  try {
    const [, record = ''] = ((await readTextIfExists(planOf(container, execId))) ?? '').split('\0', 2);
    const [status, size] = await Promise.all([
      readExecStatus(container, execId),
      readTextIfExists(path.join(directoryOf(container), execId + SIZE)),
    ]);
    return {
      record: JSON.parse(record) as ExecRecord,
      status,
      size: size === undefined ? undefined : parseSize(size),
    };
  } catch {
    await removeExec(container, execId);
    return undefined;
  }
}

/** What its monitor has written of it. Undefined: it was never started. @throws Error for a file that no monitor wrote. */
export async function readExecStatus(container: string, execId: string): Promise<MonitorStatus | undefined> {
  const status = await readTextIfExists(path.join(directoryOf(container), execId + STATUS));
  return status === undefined ? undefined : parseMonitorStatus(status);
}

function parseSize(text: string): TerminalSize {
  const [width = 0, height = 0] = text.split(' ').map(Number);
  return { width, height };
}
