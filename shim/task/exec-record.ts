import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode, listIfExists, readTextIfExists, removeFile } from '../../common/files.ts';
import { parseMonitorStatus, type MonitorStatus } from '../monitor/messages.ts';
import { Plan } from '../monitor/plan.ts';
import type { Stdio } from './stdio.ts';

/** What a daemon must know of an exec. */
export interface ExecRecord {
  readonly execId: string;
  readonly stdio: Stdio;
}

/** What its monitor and its init are to do. */
export interface ExecPlan {
  readonly plan: Plan;
  readonly init: Plan;
}

const PLAN = '.plan';
const STATUS = '.status';

/** The directory of a container's execs: `ID.plan` is all that is said of each, `ID.status` what its monitor tells. */
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

/** First the plan, so that what an interruption leaves is nobody's. */
export async function removeExec(container: string, execId: string): Promise<void> {
  await removeFile(planOf(container, execId));
  await removeFile(path.join(directoryOf(container), execId + STATUS));
}

/** What an earlier daemon left, with what the monitor wrote of each. Leftovers of interruptions are removed. */
export async function readExecs(
  container: string,
): Promise<readonly { readonly record: ExecRecord; readonly status: MonitorStatus | undefined }[]> {
  const names = await listIfExists(directoryOf(container));
  const ids = new Set(names.filter((name) => name.endsWith(PLAN)).map((name) => name.slice(0, -PLAN.length)));
  const leftovers = names.filter((name) => !ids.has(name.replace(/\.(plan|status(\.new)?)$/, '')));
  await Promise.all(leftovers.map((name) => rm(path.join(directoryOf(container), name), { recursive: true })));
  return (await Promise.all([...ids].map((execId) => readExec(container, execId)))).flatMap((exec) => exec ?? []);
}

/** Undefined for one that cannot be read, which is removed: it must not cost the others, or the container. */
async function readExec(container: string, execId: string) {
  try {
    const [, record = ''] = ((await readTextIfExists(planOf(container, execId))) ?? '').split('\0', 2);
    return { record: JSON.parse(record) as ExecRecord, status: await readExecStatus(container, execId) };
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
