import path from 'node:path';
import { invalidArgument, unimplemented } from '../../common/errors.ts';
import type { CheckpointTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import { CheckpointOptions } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import type { SharedOptions } from '../criu/description.ts';

/** What a client asks of a checkpoint. */
export interface CheckpointRequest {
  /** Where it is to be. */
  readonly images: string;
  /** For criu's log; empty for none that is kept. */
  readonly work: string;
  /** The container is to end with it. */
  readonly exit: boolean;
  /** Without a mode of cgroups, that is for the shim to choose. */
  readonly options: SharedOptions;
}

/** criu(8), --manage-cgroups */
const CGROUPS_MODES = ['', 'soft', 'full', 'strict', 'ignore'];

/** @throws StatusError InvalidArgument, Unimplemented. */
export function readCheckpointRequest(request: CheckpointTaskRequest): CheckpointRequest {
  const options = decodeOptions(request.options);
  const { exit, openTcp, externalUnixSockets, fileLocks, terminal, emptyNamespaces, cgroupsMode } = options;
  if (options.parentPath !== '') {
    throw unimplemented(
      'options.parent_path: a checkpoint that builds on an earlier one cannot be made yet; leave it out',
    );
  }
  const unknown = emptyNamespaces.find((name) => name !== 'network');
  if (unknown !== undefined) {
    throw invalidArgument(`options.empty_namespaces has ${JSON.stringify(unknown)}: criu can leave out network alone`);
  }
  if (!CGROUPS_MODES.includes(cgroupsMode)) {
    throw invalidArgument(
      `options.cgroups_mode is ${JSON.stringify(cgroupsMode)}: expected soft, full, strict, ignore, or nothing`,
    );
  }
  return {
    images: checkPath('path', request.path === '' ? options.imagePath : request.path),
    work: options.workPath === '' ? '' : checkPath('options.work_path', options.workPath),
    exit,
    options: {
      openTcp,
      externalUnixSockets,
      fileLocks,
      terminal,
      emptyNetwork: emptyNamespaces.length > 0,
      cgroupsMode,
    },
  };
}

function decodeOptions(options: Any | undefined): CheckpointOptions {
  if (options === undefined || options.typeUrl === '') return CheckpointOptions.decode(new Uint8Array());
  if (options.typeUrl.replace(/^.*\//, '') !== 'containerd.runc.v1.CheckpointOptions') {
    throw invalidArgument(
      `options have the type ${JSON.stringify(options.typeUrl)}: expected containerd.runc.v1.CheckpointOptions, or none`,
    );
  }
  try {
    return CheckpointOptions.decode(options.value);
  } catch (error) {
    throw invalidArgument(`options are no containerd.runc.v1.CheckpointOptions: ${String(error)}`, { cause: error });
  }
}

function checkPath(field: string, value: string): string {
  if (path.isAbsolute(value) && !value.includes('\0')) return path.resolve(value);
  throw invalidArgument(`${field} is ${JSON.stringify(value)}: expected the absolute path of a directory`);
}
