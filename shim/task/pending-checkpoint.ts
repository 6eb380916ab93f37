import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { failedPrecondition, invalidArgument } from '../../common/errors.ts';
import { hasErrorCode, readTextIfExists, removeFile } from '../../common/files.ts';
import { writeDescription, type CheckpointDescription } from '../criu/description.ts';
import { DUMP_LOG } from '../criu/dump-plan.ts';

/** A checkpoint that is being made: what the next daemon needs to bring it to its end. Goes through JSON. */
export interface PendingCheckpoint {
  /** Whose call it is; of a call without identity, what tells it from others of the container. */
  readonly token: string;
  readonly images: string;
  /** It was made for this. */
  readonly madeImages: boolean;
  readonly work: string;
  /** It is the shim's own. */
  readonly ownWork: boolean;
  readonly description: CheckpointDescription;
}

const FILE = 'checkpoint.json';
const WORK = 'criu-work';
/** In the bundle, as runc's shim has it: what is left of a failure. */
const KEPT_LOG = 'criu-dump.log';

/** criu's work directory where no client names one. */
export const ownWorkDirectory = (directory: string) => path.join(directory, WORK);

/** Whether the directory is there; what is in it would be taken for a part of the checkpoint. */
export async function checkImages(images: string): Promise<boolean> {
  try {
    const names = await readdir(images);
    if (names.length === 0) return true;
    throw failedPrecondition(
      `path is ${JSON.stringify(images)}: the directory is not empty, and a checkpoint that fails must not spoil another; name one that is empty or does not exist`,
    );
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return false;
    if (hasErrorCode(error, 'ENOTDIR')) {
      throw invalidArgument(`path is ${JSON.stringify(images)}: expected a directory`, { cause: error });
    }
    throw error;
  }
}

/** From here on an interruption leaves nothing that is nobody's. */
export async function beginCheckpoint(directory: string, pending: PendingCheckpoint): Promise<void> {
  await writeFileAtomic(path.join(directory, FILE), JSON.stringify(pending));
  if (pending.madeImages) await makeDirectory(pending.images, 'path');
  if (pending.ownWork) await rm(pending.work, { recursive: true, force: true });
  await makeDirectory(pending.work, 'options.work_path');
}

async function makeDirectory(directory: string, field: string): Promise<void> {
  await mkdir(directory, { mode: 0o700 }).catch((error: unknown) => {
    if (hasErrorCode(error, 'EEXIST')) return;
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw invalidArgument(
      `${field} is ${JSON.stringify(directory)}: ${path.dirname(directory)} is no directory; make it first`,
      { cause: error },
    );
  });
}

export async function readPendingCheckpoint(directory: string): Promise<PendingCheckpoint | undefined> {
  const text = await readTextIfExists(path.join(directory, FILE));
  return text === undefined ? undefined : (JSON.parse(text) as PendingCheckpoint);
}

/** It is whole. */
export async function completeCheckpoint(pending: PendingCheckpoint): Promise<void> {
  await writeDescription(pending.images, pending.description);
}

/** Nothing of it is left, but the log, in the bundle. @returns where that is. */
export async function discardCheckpoint(pending: PendingCheckpoint, bundle: string): Promise<string> {
  const log = path.join(bundle, KEPT_LOG);
  await copyFile(path.join(pending.work, DUMP_LOG), log).catch(() => undefined);
  const names = await readdir(pending.images).catch(() => []);
  await Promise.all(names.map((name) => rm(path.join(pending.images, name), { recursive: true, force: true })));
  if (pending.madeImages) await rm(pending.images, { recursive: true, force: true });
  return log;
}

/** The last step: nobody takes it up again. */
export async function forgetCheckpoint(directory: string, pending: PendingCheckpoint): Promise<void> {
  if (pending.ownWork) await rm(pending.work, { recursive: true, force: true });
  await removeFile(path.join(directory, 'dump.plan'));
  await removeFile(path.join(directory, FILE));
}
