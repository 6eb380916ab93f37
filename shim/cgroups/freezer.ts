import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { failedPrecondition, StatusError, Code } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';
import { directoryOf, type Cgroup } from './cgroup.ts';

/** How long processes may take to stand still. Those in uninterruptible sleep come last. */
const FREEZE_TIMEOUT_MS = 10_000;
const FIRST_LOOK_MS = 1;
const LAST_LOOK_MS = 50;

/** The file that freezes a cgroup and everything below it, and the one that says whether it stands still. */
interface Freezer {
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
  readonly stateFile: string;
  readonly isFrozen: (state: string) => boolean;
}

/**
 * Stops all processes of a container where they are: Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst and
 * cgroup-v2.rst, cgroup.freeze.
 * @throws StatusError FailedPrecondition without a freezer; Unknown if they do not stand still in time, and then all
 * go on.
 */
export async function freeze(cgroups: readonly Cgroup[], signal?: AbortSignal): Promise<void> {
  const freezer = freezerOf(cgroups);
  if (freezer === undefined) {
    throw failedPrecondition('this host has no freezer cgroup: mount it (cgroup v1), or use cgroup v2');
  }
  const deadline = Date.now() + FREEZE_TIMEOUT_MS;
  let wait = FIRST_LOOK_MS;
  while (!isAborted(signal) && Date.now() < deadline) {
    // Again each time: in v1 a process that was forked meanwhile keeps the cgroup FREEZING until it is asked anew.
    await writeFile(freezer.file, freezer.frozen, { flag: 'r+' });
    if (freezer.isFrozen(await readFile(freezer.stateFile, 'utf8')) && !isAborted(signal)) return;
    await sleep(wait);
    wait = Math.min(wait * 2, LAST_LOOK_MS);
  }
  await thaw(cgroups);
  if (isAborted(signal)) throw new StatusError(Code.Unknown, 'the container was killed meanwhile');
  throw new StatusError(Code.Unknown, `the processes did not stand still in ${FREEZE_TIMEOUT_MS / 1000} s, and go on`);
}

const isAborted = (signal: AbortSignal | undefined) => signal?.aborted === true;

/** Without effect where nothing is frozen, or the cgroup is gone. */
export async function thaw(cgroups: readonly Cgroup[]): Promise<void> {
  const freezer = freezerOf(cgroups);
  if (freezer === undefined) return;
  await ifThere(writeFile(freezer.file, freezer.thawed, { flag: 'r+' }));
}

/** Whether somebody asked for it, even if not all processes stand still yet. */
export async function isFrozen(cgroups: readonly Cgroup[]): Promise<boolean> {
  const freezer = freezerOf(cgroups);
  if (freezer === undefined) return false;
  const state = (await ifThere(readFile(freezer.file, 'utf8'))) ?? freezer.thawed;
  return state.trim() !== freezer.thawed;
}

function freezerOf(cgroups: readonly Cgroup[]): Freezer | undefined {
  const legacy = directoryOf(cgroups, 'freezer');
  if (legacy !== undefined) {
    const file = path.join(legacy, 'freezer.state');
    const isFrozen = (state: string) => state.trim() === 'FROZEN';
    return { file, frozen: 'FROZEN', thawed: 'THAWED', stateFile: file, isFrozen };
  }
  const unified = cgroups.find(({ version }) => version === 2)?.directory;
  if (unified === undefined) return undefined;
  return {
    file: path.join(unified, 'cgroup.freeze'),
    frozen: '1',
    thawed: '0',
    stateFile: path.join(unified, 'cgroup.events'),
    isFrozen: (events) => events.split('\n').includes('frozen 1'),
  };
}

async function ifThere<T>(task: Promise<T>): Promise<T | undefined> {
  try {
    return await task;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}
