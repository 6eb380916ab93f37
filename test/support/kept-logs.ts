import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../../common/errors.ts';
import type { Containerd } from './containerd.ts';
import { askKeeper } from './keeper.ts';
import { processesOf } from './processes.ts';
import { TEMP_ROOT } from './temp-dir.ts';

/**
 * Keeps what the daemons, the keeper and containerd had to say, and what their processes do, for whoever has to find out
 * why a run failed; `more` is the text of further files by their names. @returns the directory.
 */
export async function keepLogs(
  { logFile, runDir, marker }: Containerd,
  name: string,
  more: Readonly<Record<string, string>> = {},
): Promise<string> {
  const kept = path.join(TEMP_ROOT, name);
  await mkdir(kept, { recursive: true });
  const status = await askKeeper(runDir, 'status').catch(messageOf);
  const texts = { 'keeper-status': status, processes: await describeProcesses(marker), ...more };
  await Promise.all(Object.entries(texts).map(([file, text]) => writeFile(path.join(kept, file), text)));
  await cp(logFile, path.join(kept, 'containerd.log'));
  await cp(path.join(runDir, 'daemon'), path.join(kept, 'daemon'), {
    recursive: true,
    filter: (source) => !/\.sock$|\/relay\.|\.lock$/.test(source),
  }).catch(() => undefined);
  return kept;
}

/** Each process with its state and where it is in the kernel. */
export async function describeProcesses(marker: string): Promise<string> {
  const texts = (await processesOf(marker)).map(async ({ pid, parent, state, command }) => {
    const stack = await readFile(`/proc/${pid}/stack`, 'utf8').catch(() => '');
    return `${pid} of ${parent} ${state} ${command}\n${stack}`;
  });
  return (await Promise.all(texts)).join('');
}
