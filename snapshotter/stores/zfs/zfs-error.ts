import { Code, StatusError } from '../../../common/errors.ts';
import type { WorkerError } from '../worker.ts';

/** What an errno of OpenZFS means for the caller, and what mends it. */
const MEANINGS: Readonly<Record<string, readonly [code: Code, mend: (pool: string) => string]>> = {
  ENOSPC: [
    Code.ResourceExhausted,
    (pool) => `pool ${pool} is full, or its quota reached: see \`zfs list -o space ${pool}\``,
  ],
  EDQUOT: [Code.ResourceExhausted, (pool) => `a quota is reached: see \`zfs list -o space ${pool}\``],
  ENOENT: [
    Code.FailedPrecondition,
    (pool) => `is the pool imported, and the dataset there? See \`zpool import\` and \`zfs list -r ${pool}\``,
  ],
  EBUSY: [Code.FailedPrecondition, () => 'it is in use; `grep zfs /proc/*/mountinfo` shows by whom'],
  EEXIST: [Code.Internal, () => 'there is something of that name: see `proxmox-lxcri layerfs fsck`'],
  EROFS: [Code.FailedPrecondition, (pool) => `pool ${pool} is imported read-only`],
  EIO: [Code.DataLoss, (pool) => `see \`zpool status ${pool}\``],
  EAGAIN: [Code.Unavailable, (pool) => `see \`zpool status ${pool}\``],
  ENXIO: [Code.Unavailable, (pool) => `see \`zpool status ${pool}\``],
  ENOSYS: [Code.Unavailable, () => 'install zfsutils-linux, and load the module zfs'],
};

export function zfsError(error: WorkerError, pool: string): StatusError {
  const [code, mend] = MEANINGS[error.errno] ?? [Code.Internal, () => error.errno];
  return new StatusError(code, `${error.message}: ${mend(pool)}`, { cause: error });
}

export const isErrno = (error: unknown, errno: string): boolean =>
  error instanceof StatusError && error.cause instanceof Error && 'errno' in error.cause && error.cause.errno === errno;
