import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode, listIfExists, readTextIfExists } from '../../common/files.ts';
import { parseMonitorStatus, type MonitorStatus } from '../monitor/messages.ts';
import type { Stdio } from './stdio.ts';

/** What a daemon must know of an exec: `execs/ID/exec.json` in the container's state directory. */
export interface ExecRecord {
  readonly execId: string;
  readonly stdio: Stdio;
}

const RECORD = 'exec.json';

/** The directory of a container's execs. */
const directoryOf = (container: string) => path.join(container, 'execs');
const execDirectory = (container: string, execId: string) => path.join(directoryOf(container), execId);

/** Writes everything that its start needs; the record last, since it is what makes the exec exist. */
export async function writeExec(
  container: string,
  record: ExecRecord,
  files: ReadonlyMap<string, string>,
): Promise<void> {
  const directory = execDirectory(container, record.execId);
  // Never the container's own: it may be deleted meanwhile.
  await makeDirectory(directoryOf(container));
  await makeDirectory(directory);
  await Promise.all([...files].map(([name, text]) => writeFile(path.join(directory, name), text, { mode: 0o600 })));
  await writeFileAtomic(path.join(directory, RECORD), JSON.stringify(record));
}

async function makeDirectory(directory: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    if (!hasErrorCode(error, 'EEXIST')) throw error;
  });
}

/** First the record, so that what an interruption leaves is nobody's. */
export async function removeExec(container: string, execId: string): Promise<void> {
  const directory = execDirectory(container, execId);
  await rm(path.join(directory, RECORD), { force: true });
  await rm(directory, { recursive: true, force: true });
}

/** What an earlier daemon left, with what the monitor wrote of each. Leftovers of interruptions are removed. */
export async function readExecs(
  container: string,
): Promise<readonly { readonly record: ExecRecord; readonly status: MonitorStatus | undefined }[]> {
  const ids = await listIfExists(directoryOf(container));
  const found = await Promise.all(ids.map((execId) => readExec(container, execId)));
  return found.flatMap((exec) => exec ?? []);
}

async function readExec(container: string, execId: string) {
  const directory = execDirectory(container, execId);
  const text = await readTextIfExists(path.join(directory, RECORD));
  if (text === undefined) {
    await removeExec(container, execId);
    return undefined;
  }
  const status = await readTextIfExists(path.join(directory, 'status'));
  return {
    record: JSON.parse(text) as ExecRecord,
    status: status === undefined ? undefined : parseMonitorStatus(status),
  };
}
