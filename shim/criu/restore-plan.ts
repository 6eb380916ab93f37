import { failedPrecondition, invalidArgument, unimplemented } from '../../common/errors.ts';
import type { HostTies } from '../backends/backend.ts';
import type { Plan } from '../monitor/plan.ts';
import type { Spec } from '../oci/spec.ts';
import type { CheckpointDescription } from './description.ts';
import { argumentsPlan, sharedWords } from './dump-plan.ts';
import { sourceOf } from './external-mounts.ts';
import { INHERITED, JOINED, checkNamespaces, namespaceKey } from './namespaces.ts';
import { STREAM_NAMES, fits, streamKind, type StreamKind, type StreamNames } from './streams.ts';

export const RESTORE_LOG = 'restore.log';
/** In the container's state directory: shim/native/monitor/criu.h. */
export const RESTORE_PLAN = 'restore.plan';
export const CRIU_OUTPUT = 'criu.out';
const PID_FILE = 'criu.pid';

/** The first of the descriptors that criu is given. */
const FIRST_FD = 10;

export interface Restore {
  readonly program: string;
  readonly images: string;
  readonly work: string;
  /** The container's state directory. */
  readonly directory: string;
  readonly description: CheckpointDescription;
  readonly spec: Spec;
  readonly ties: HostTies;
  readonly streams: StreamNames;
}

/** What the monitor and criu do to restore a container. @throws StatusError for what they could not. */
export async function planRestore(restore: Restore): Promise<Plan> {
  const { program, images, work, directory, description, spec, ties } = restore;
  checkNamespaces(ties.namespaces);
  checkHooks(spec);
  const words = [program, 'restore', '--images-dir', images, '--work-dir', work, '--log-file', RESTORE_LOG, '-v4'];
  words.push('--restore-detached', '--restore-sibling', '--pidfile', `${directory}/${PID_FILE}`);
  words.push('--root', ties.place, '--skip-file-rwx-check', ...sharedWords(description.options));
  const ignoresCgroups = description.options.cgroupsMode === 'ignore';
  for (const { controllers, path } of ignoresCgroups ? [] : ties.cgroupRoots) {
    words.push('--cgroup-root', controllers.length === 0 ? path : `${controllers.join(',')}:${path}`);
  }
  for (const mount of description.mounts) {
    words.push('--external', `mnt[${mount.point}]:${sourceOf(mount, ties.mounts)}`);
  }
  const inherited = [...(await inheritStreams(restore)), ...inheritNamespaces(restore)];
  inherited.forEach(({ key }, index) => words.push('--inherit-fd', `fd[${FIRST_FD + index}]:${key}`));
  for (const { type, path } of ties.namespaces) {
    const name = JOINED[type];
    if (name !== undefined) words.push('--join-ns', `${name}:${path}`);
  }
  const plan = argumentsPlan(words).add('root', spec.root.path, ties.place);
  if (ignoresCgroups && ties.hasCgroupNamespace) plan.add('cgroup-namespace');
  inherited.forEach(({ stream, path = '' }, index) => {
    if (stream === undefined) plan.add('inherit-file', FIRST_FD + index, path);
    else plan.add('inherit-stream', FIRST_FD + index, stream);
  });
  for (const { path, isDirectory } of description.mountPoints) plan.add('mount-point', path, isDirectory ? 1 : 0);
  return plan;
}

/** A descriptor that criu is given for something outside of the checkpoint. */
interface Inherited {
  readonly key: string;
  /** The container's stream of that number, or else a file of the host's. */
  readonly stream?: number;
  readonly path?: string;
}

async function inheritStreams({ description, streams }: Restore): Promise<readonly Inherited[]> {
  const found = new Map<string, Inherited>();
  for (const [stream, { kind, key }] of description.streams.entries()) {
    const given = await streamKind(streams, stream);
    if (!fits(kind, given)) throw misfit(stream, kind, given);
    if (!found.has(key)) found.set(key, kind === 'none' ? { key, path: '/dev/null' } : { key, stream });
  }
  return [...found.values()];
}

const KINDS: Readonly<Record<StreamKind, string>> = {
  none: 'nothing',
  fifo: 'a FIFO',
  pipe: 'a logger',
  file: 'a file',
  device: 'a device',
};

function misfit(stream: number, dumped: StreamKind, given: StreamKind): Error {
  return invalidArgument(
    `${STREAM_NAMES[stream] ?? ''} is ${KINDS[given]}, and was ${KINDS[dumped]} when the checkpoint was made: criu needs the same kind`,
  );
}

function inheritNamespaces({ description, ties }: Restore): readonly Inherited[] {
  const given = ties.namespaces.filter(({ type }) => INHERITED[type] !== undefined);
  const types = given.map(({ type }) => type);
  const missing = description.namespaces.find((type) => !types.includes(type));
  if (missing !== undefined) {
    throw failedPrecondition(
      `config.json: linux.namespaces has no ${missing} namespace by path: the checkpoint was made in one, name its successor`,
    );
  }
  return given
    .filter(({ type }) => description.namespaces.includes(type))
    .map(({ type, path }) => ({ key: namespaceKey(type), path }));
}

/** Their time is between the making of the namespaces and that of the processes, which are one step of criu's. */
function checkHooks({ hooks }: Spec): void {
  const kind = (['prestart', 'createRuntime', 'createContainer'] as const).find((each) => hooks[each].length > 0);
  if (kind === undefined) return;
  throw unimplemented(
    `config.json: hooks.${kind}: a container that is restored from a checkpoint cannot have it run yet; remove it`,
  );
}
