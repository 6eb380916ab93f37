import { Code, StatusError, messageOf } from '../../../common/errors.ts';
import { WorkerError } from '../worker.ts';

/** What an errno of the store's file system means for the caller, and what mends it. */
const MEANINGS: Readonly<Record<string, readonly [code: Code, mend: (root: string) => string]>> = {
  ENOSPC: [
    Code.ResourceExhausted,
    (root) => `no space, or no inode, is left in ${root}: see \`df -h\` and \`df -i\`, and remove images or containers`,
  ],
  EDQUOT: [Code.ResourceExhausted, (root) => `the quota of ${root} is reached`],
  EMFILE: [Code.ResourceExhausted, () => 'too many files are open: raise LimitNOFILE of the unit'],
  ENFILE: [Code.ResourceExhausted, () => 'too many files are open on this host: raise fs.file-max'],
  EROFS: [Code.FailedPrecondition, (root) => `the file system of ${root} is read-only: see \`dmesg\` for the cause`],
  EACCES: [Code.FailedPrecondition, (root) => `${root} may not be changed: run the daemon as root`],
  EPERM: [Code.FailedPrecondition, (root) => `${root} may not be changed: run the daemon as root`],
  ENOENT: [
    Code.FailedPrecondition,
    (root) => `something is missing in ${root}: is its file system mounted? See \`proxmox-lxcri layerfs fsck\``,
  ],
  EIO: [Code.DataLoss, (root) => `the disk below ${root} fails: see \`dmesg\``],
  EUCLEAN: [Code.DataLoss, (root) => `the file system of ${root} is damaged: see \`dmesg\``],
  EBUSY: [Code.FailedPrecondition, (root) => `something in ${root} is in use: see \`grep layerfs /proc/*/mountinfo\``],
};

/** Gives what the file system, or the worker, refused a code and a mend. A StatusError stays what it is. */
export function fileError(error: unknown, root: string): StatusError {
  if (error instanceof StatusError) return error;
  const errno = errnoOf(error);
  const message = messageOf(error);
  const [code, mend] = MEANINGS[errno] ?? [Code.Internal, () => `an error nobody expects in ${root}`];
  return new StatusError(code, `${mend(root)} (${message})`, { cause: error });
}

function errnoOf(error: unknown): string {
  if (error instanceof WorkerError) return error.errno;
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
