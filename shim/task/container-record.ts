import { rename } from 'node:fs/promises';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode, readTextIfExists, removeFile } from '../../common/files.ts';
import type { Mount } from '../../proto/gen/containerd/types/mount.ts';
import type { Cgroup } from '../cgroups/cgroup.ts';
import type { ExecDefaults } from '../backends/backend.ts';
import type { EventTarget } from '../events/event.ts';
import type { CallIdentity } from './call-identity.ts';
import type { Stdio } from './stdio.ts';
import type { CriuOptions } from './task-options.ts';

/** What a daemon must know of a container and cannot ask its monitor: `container.json` in its state directory. */
export interface ContainerRecord {
  readonly namespace: string;
  readonly id: string;
  /** The bundle's directory, absolute. */
  readonly bundle: string;
  readonly backend: string;
  readonly stdio: Stdio;
  /** What was mounted, for the event that tells of the creation. */
  readonly rootfs: readonly Mount[];
  readonly target: EventTarget;
  /** Its cgroup in each hierarchy; the first has all its processes. */
  readonly cgroups: readonly Cgroup[];
  readonly execDefaults: ExecDefaults;
  /** How its client wants criu to be run. */
  readonly criu?: CriuOptions | undefined;
  /** The directory of the checkpoint that it is restored of. */
  readonly checkpoint?: string | undefined;
  /** The build of the daemon that created it. */
  readonly build: string;
  /** The name of its event journal: journal-name.ts. */
  readonly journal: string;
  /** Whose call created it. */
  readonly call?: CallIdentity | undefined;
}

const FILE = 'container.json';
/** Its name once the container is given up: whoever finds it goes on removing what there is, without a word. */
const ABANDONED_FILE = 'abandoned.json';

export interface FoundRecord {
  readonly record: ContainerRecord;
  readonly isAbandoned: boolean;
}

export async function writeContainerRecord(directory: string, record: ContainerRecord): Promise<void> {
  await writeFileAtomic(`${directory}/${FILE}`, JSON.stringify(record));
}

export async function removeContainerRecord(directory: string): Promise<void> {
  await removeFile(`${directory}/${FILE}`);
}

/** Undefined where a daemon died before it wrote the record, or while it removed the directory: nothing runs there. */
export async function readContainerRecord(directory: string): Promise<FoundRecord | undefined> {
  const text = await readTextIfExists(`${directory}/${FILE}`);
  const abandoned = text === undefined ? await readTextIfExists(`${directory}/${ABANDONED_FILE}`) : undefined;
  const found = text ?? abandoned;
  if (found === undefined) return undefined;
  return { record: JSON.parse(found) as ContainerRecord, isAbandoned: abandoned !== undefined };
}

/** From here on nobody is told of the container any more, by whichever daemon. */
export async function markAbandoned(directory: string): Promise<void> {
  await rename(`${directory}/${FILE}`, `${directory}/${ABANDONED_FILE}`).catch((error: unknown) => {
    // Marked already, or being removed.
    if (!hasErrorCode(error, 'ENOENT')) throw error;
  });
}
