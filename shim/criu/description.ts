import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode } from '../../common/files.ts';
import type { NamespaceType } from '../oci/spec.ts';
import type { ExternalMount, MountPoint } from './external-mounts.ts';
import type { DumpedStream } from './streams.ts';

/** Options that criu takes at both ends. */
export interface SharedOptions {
  readonly openTcp: boolean;
  readonly externalUnixSockets: boolean;
  readonly fileLocks: boolean;
  readonly terminal: boolean;
  readonly emptyNetwork: boolean;
  /** criu's own word. */
  readonly cgroupsMode: string;
}

/**
 * What the restore of a checkpoint must know and criu's files do not say. It is written last, beside them: a directory
 * that has it has a whole checkpoint.
 */
export interface CheckpointDescription {
  readonly version: 1;
  readonly streams: readonly DumpedStream[];
  readonly mounts: readonly ExternalMount[];
  readonly mountPoints: readonly MountPoint[];
  /** Those that were somebody else's, and are to be given again. */
  readonly namespaces: readonly NamespaceType[];
  readonly options: SharedOptions;
}

const FILE = 'lxcri.json';

export async function writeDescription(directory: string, description: CheckpointDescription): Promise<void> {
  await writeFileAtomic(path.join(directory, FILE), JSON.stringify(description));
}

/** @throws StatusError InvalidArgument for what is no checkpoint of this shim's. */
export async function readDescription(directory: string): Promise<CheckpointDescription> {
  if (!path.isAbsolute(directory) || directory.includes('\0')) {
    throw invalidArgument(`checkpoint is ${JSON.stringify(directory)}: expected the absolute path of a directory`);
  }
  const file = path.join(directory, FILE);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (!hasErrorCode(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw invalidArgument(
      `checkpoint is ${JSON.stringify(directory)}: it has no ${FILE}, so it is no whole checkpoint that this shim has made`,
    );
  });
  const description = parse(text);
  if (description?.version === 1) return description;
  throw invalidArgument(
    `${file} is not what this version of the shim writes: restore with the one that has written it`,
  );
}

function parse(text: string): CheckpointDescription | undefined {
  try {
    return JSON.parse(text) as CheckpointDescription;
  } catch {
    return undefined;
  }
}
