import { stat } from 'node:fs/promises';
import type { HostTies } from '../backends/backend.ts';
import { Plan } from '../monitor/plan.ts';
import type { NamespaceType } from '../oci/spec.ts';
import type { CheckpointDescription, SharedOptions } from './description.ts';
import { INHERITED, namespaceKey } from './namespaces.ts';

/** The log's name in criu's work directory. */
export const DUMP_LOG = 'dump.log';

export interface Dump {
  readonly program: string;
  readonly pid: number;
  readonly images: string;
  readonly work: string;
  readonly description: CheckpointDescription;
  /** The container ends when all is written; else it goes on. */
  readonly exit: boolean;
  /** The cgroup by which criu brings the processes to a stand. */
  readonly freezer: string | undefined;
}

/** The namespaces of a container that are not its own, and which criu leaves out. */
export const externalNamespaces = ({ namespaces }: HostTies): readonly NamespaceType[] =>
  namespaces.map(({ type }) => type).filter((type) => INHERITED[type] !== undefined);

/** criu's arguments: its dump(8). */
export async function planDump(dump: Dump): Promise<Plan> {
  const { program, pid, images, work, description, exit, freezer } = dump;
  const words = [program, 'dump', '--tree', String(pid), '--images-dir', images, '--work-dir', work];
  words.push('--log-file', DUMP_LOG, '-v4');
  if (!exit) words.push('--leave-running');
  if (freezer !== undefined) words.push('--freeze-cgroup', freezer);
  words.push(...sharedWords(description.options));
  for (const key of new Set(description.streams.filter(({ kind }) => kind !== 'pipe').map((stream) => stream.key))) {
    words.push('--external', key);
  }
  for (const { point } of description.mounts) words.push('--external', `mnt[${point}]:${point}`);
  for (const type of description.namespaces) {
    const name = INHERITED[type] ?? type;
    const { ino } = await stat(`/proc/${pid}/ns/${name}`);
    words.push('--external', `${name}[${ino}]:${namespaceKey(type)}`);
  }
  return argumentsPlan(words);
}

/** What has to be the same at both ends. */
export function sharedWords(options: SharedOptions): readonly string[] {
  const { openTcp, externalUnixSockets, fileLocks, terminal, emptyNetwork, cgroupsMode } = options;
  return [
    ...(openTcp ? ['--tcp-established'] : []),
    ...(externalUnixSockets ? ['--ext-unix-sk'] : []),
    ...(fileLocks ? ['--file-locks'] : []),
    ...(terminal ? ['--shell-job'] : []),
    ...(emptyNetwork ? ['--empty-ns', 'net'] : []),
    `--manage-cgroups=${cgroupsMode}`,
  ];
}

export function argumentsPlan(words: readonly string[]): Plan {
  const plan = new Plan();
  for (const word of words) plan.add('argument', word);
  return plan;
}
