import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { unimplemented, messageOf } from '../../common/errors.ts';
import type { Backend, ContainerRequest } from '../backends/backend.ts';
import { findCriu } from '../criu/criu-program.ts';
import { readDescription } from '../criu/description.ts';
import { readCriuErrors } from '../criu/log-errors.ts';
import { CRIU_OUTPUT, RESTORE_LOG, RESTORE_PLAN, planRestore } from '../criu/restore-plan.ts';
import type { ContainerRecord } from './container-record.ts';
import { restoreFailed } from './messages.ts';
import { ownWorkDirectory } from './pending-checkpoint.ts';
import type { Stdio } from './stdio.ts';
import { plainError } from './task-process.ts';
import type { CriuOptions } from './task-options.ts';

/** A container that is to be made of a checkpoint. */
export interface RestoreRequest extends Omit<ContainerRequest, 'restored'> {
  /** The directory of the checkpoint. */
  readonly checkpoint: string;
  readonly criu: CriuOptions;
  readonly stdio: Stdio;
}

/** @returns a file for the state directory. @throws StatusError for what cannot be restored; nothing has changed yet. */
export async function prepareRestore(
  backend: Backend,
  request: RestoreRequest,
): Promise<readonly [name: string, text: string]> {
  const { checkpoint, criu, stdio, directory, spec } = request;
  if (stdio.terminal) {
    throw unimplemented('terminal: a container cannot be restored with a terminal yet; run it without one');
  }
  const description = await readDescription(checkpoint);
  const plan = await planRestore({
    program: await findCriu(criu.program),
    images: checkpoint,
    work: workDirectory(directory, criu),
    directory,
    description,
    spec,
    ties: backend.describeTies(request),
    streams: [stdio.stdin, stdio.stdout, stdio.stderr],
  });
  return [RESTORE_PLAN, plan.toString()];
}

/** What criu says of a restore that failed, added to what the monitor says. */
export async function explainRestore(error: unknown, directory: string, record: ContainerRecord): Promise<Error> {
  const work = workDirectory(directory, record.criu);
  const errors = await readCriuErrors([path.join(work, RESTORE_LOG), path.join(directory, CRIU_OUTPUT)]);
  return plainError(restoreFailed(`${messageOf(error)}: ${errors}`));
}

/** For the log of the restore that follows. */
export async function makeWorkDirectory(directory: string, criu: CriuOptions | undefined): Promise<void> {
  await mkdir(workDirectory(directory, criu), { mode: 0o700, recursive: true });
}

const workDirectory = (directory: string, criu: CriuOptions | undefined): string =>
  criu === undefined || criu.work === '' ? ownWorkDirectory(directory) : criu.work;
