import path from 'node:path';
import { invalidArgument } from '../../common/errors.ts';
import { CreateOptions } from '../../proto/gen/containerd/linux/runc/options.ts';
import { Options } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Options as RuntimeOptions } from '../../proto/gen/runtimeoptions/v1/options.ts';

/** What this shim takes of a Create request's runtime options. */
export interface TaskOptions {
  /** Whom the FIFOs of the standard streams are given to, by the host's ids; 0 and 0: nobody. */
  readonly ioUid: number;
  readonly ioGid: number;
  readonly criu: CriuOptions;
  /** The directory of a checkpoint to be restored; empty for none. */
  readonly checkpoint: string;
}

/** How criu is run; each is empty where the client leaves it to the shim. */
export interface CriuOptions {
  readonly program: string;
  /** The directory for its log. */
  readonly work: string;
}

/** The options of all types that are honoured, by their names on the wire. */
interface WireOptions {
  readonly ioUid: number;
  readonly ioGid: number;
  /** Of containerd.runc.v1.Options alone, and only up to 1.7. */
  readonly criuPath?: string;
  readonly criuImagePath: string;
  readonly criuWorkPath: string;
}

const NO_WIRE_OPTIONS: WireOptions = { ioUid: 0, ioGid: 0, criuImagePath: '', criuWorkPath: '' };
const NO_OPTIONS: TaskOptions = { ioUid: 0, ioGid: 0, criu: { program: '', work: '' }, checkpoint: '' };
const HONOURED: readonly string[] = [
  'ioUid',
  'ioGid',
  'criuPath',
  'criuImagePath',
  'criuWorkPath',
] satisfies (keyof WireOptions)[];

/**
 * Reads the runtime options of a Create request. Docker, CRI and ctr send runc's for every runtime; what they ask for
 * and this shim does not do is refused by name.
 */
export function readTaskOptions(options: Any | undefined): TaskOptions {
  if (options === undefined || options.typeUrl === '') return NO_OPTIONS;
  const type = options.typeUrl.replace(/^.*\//, '');
  switch (type) {
    case 'containerd.runc.v1.Options':
      return accept(type, () => Options.decode(options.value));
    case 'containerd.linux.runc.CreateOptions': // what ctr sends
      return accept(type, () => CreateOptions.decode(options.value));
    case 'runtimeoptions.v1.Options':
      return accept(type, () => ({ ...NO_WIRE_OPTIONS, ...RuntimeOptions.decode(options.value) }));
    default:
      throw invalidArgument(
        `options have the type ${JSON.stringify(options.typeUrl)}: expected containerd.runc.v1.Options, runtimeoptions.v1.Options, or none`,
      );
  }
}

function accept(type: string, decoder: () => WireOptions): TaskOptions {
  const options = decode(type, decoder);
  refuseOthers(type, options);
  const { ioUid, ioGid, criuPath = '', criuImagePath, criuWorkPath } = options;
  if (criuWorkPath !== '' && !path.isAbsolute(criuWorkPath)) {
    throw invalidArgument(`options.criu_work_path is ${JSON.stringify(criuWorkPath)}: expected an absolute path`);
  }
  return { ioUid, ioGid, criu: { program: criuPath, work: criuWorkPath }, checkpoint: criuImagePath };
}

function decode(type: string, decoder: () => WireOptions): WireOptions {
  try {
    return decoder();
  } catch (error) {
    throw invalidArgument(`options are no ${type}: ${String(error)}`, { cause: error });
  }
}

function refuseOthers(type: string, options: WireOptions): void {
  const set = Object.entries(options)
    .filter(([name, value]) => !HONOURED.includes(name) && isSet(value))
    .map(([name]) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  if (set.length === 0) return;
  throw invalidArgument(
    `options (${type}) set ${set.join(', ')}: runtime io.containerd.lxcri.v1 has no such option; remove it`,
  );
}

function isSet(value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length > 0;
  return value !== undefined && value !== '' && value !== 0 && value !== false;
}
