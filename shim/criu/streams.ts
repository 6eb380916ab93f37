import { stat } from 'node:fs/promises';
import { constants } from 'node:fs';
import { hasErrorCode } from '../../common/files.ts';
import { failedPrecondition } from '../../common/errors.ts';

/** What a standard stream was given, as statx(2) tells of it: shim/native/monitor/streams.c. */
export interface StreamIdentity {
  /** With the file's type; 0 if the kernel tells nothing. */
  readonly mode: number;
  readonly mount: bigint;
  readonly inode: bigint;
}

/** `none` is the null device, `pipe` a logger's. */
export type StreamKind = 'none' | 'fifo' | 'pipe' | 'file' | 'device';

/** One of three, by number. */
export interface DumpedStream {
  readonly kind: StreamKind;
  /** criu's name for it. */
  readonly key: string;
}

/** The streams by the names that a client gave them. */
export type StreamNames = readonly [stdin: string, stdout: string, stderr: string];

export const STREAM_NAMES = ['stdin', 'stdout', 'stderr'] as const;

/** A logger that takes stdout takes stderr too. */
export function isLogged(names: StreamNames, stream: number): boolean {
  return stream > 0 && names[1].startsWith('binary://');
}

export function describeStream(names: StreamNames, stream: number, identity: StreamIdentity): DumpedStream {
  const { mode, mount, inode } = identity;
  if (mode === 0) {
    throw failedPrecondition(
      'this kernel does not tell which mount a file is on, which criu has to be told: Linux 5.8 does',
    );
  }
  if (isLogged(names, stream)) return { kind: 'pipe', key: `pipe:[${inode}]` };
  return { kind: kindOf(names[stream] ?? '', mode), key: `file[${mount.toString(16)}:${inode.toString(16)}]` };
}

function kindOf(name: string, mode: number): StreamKind {
  const type = mode & constants.S_IFMT;
  if (name === '') return 'none';
  if (type === constants.S_IFIFO) return 'fifo';
  return type === constants.S_IFREG ? 'file' : 'device';
}

/** What a stream of a new container will be; `path` is that of a plain name. */
export async function streamKind(names: StreamNames, stream: number): Promise<StreamKind> {
  const name = names[stream] ?? '';
  if (isLogged(names, stream)) return 'pipe';
  if (name.startsWith('file://')) return 'file';
  try {
    return kindOf(name, name === '' ? 0 : (await stat(name.replace(/^fifo:\/\//, ''))).mode);
  } catch (error) {
    // The monitor says why it cannot be opened.
    if (hasErrorCode(error, 'ENOENT', 'EACCES', 'ENOTDIR')) return 'fifo';
    throw error;
  }
}

/**
 * Whether criu can put the one in the other's place: it checks the type of a file, and opens it anew as the process
 * had it. A process that had no stream keeps none.
 */
export function fits(dumped: StreamKind, given: StreamKind): boolean {
  switch (dumped) {
    case 'none':
      return true;
    case 'pipe':
      return given === 'pipe' || given === 'fifo' || given === 'none';
    case 'fifo':
      return given === 'fifo' || given === 'pipe';
    case 'file':
    case 'device':
      return given === dumped;
  }
}
