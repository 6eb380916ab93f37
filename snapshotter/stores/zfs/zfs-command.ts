import { Code, failedPrecondition, StatusError, messageOf } from '../../../common/errors.ts';
import { exec } from '../../../common/exec.ts';

const TIMEOUT_MS = 300_000;

/** What zfs(8) says in English, what it means for the caller, and what mends it. */
const MEANINGS: readonly (readonly [said: RegExp, code: Code, mend: (pool: string) => string])[] = [
  [/out of space|No space left|quota exceeded/i, Code.ResourceExhausted, (pool) => `see \`zfs list -o space ${pool}\``],
  [/Input\/output error|checksum|I\/O error/i, Code.DataLoss, (pool) => `see \`zpool status -v ${pool}\``],
  [/does not exist|no such pool/i, Code.NotFound, () => 'see `proxmox-lxcri layerfs fsck`'],
  [/already exists/i, Code.AlreadyExists, () => 'choose another name'],
  [/is busy|has dependent clones|conflicts/i, Code.FailedPrecondition, () => 'it is in use'],
];

/** zfs(8), for what is no channel program and nobody waits for in hundreds. @throws StatusError with its stderr. */
export async function zfsCommand(args: readonly string[], pool: string): Promise<string> {
  try {
    return await exec('zfs', args, { timeoutMs: TIMEOUT_MS });
  } catch (error) {
    throw zfsCommandError(error, pool);
  }
}

/** zfs(8), for the store as a whole: a failure is of no layer. @throws StatusError FailedPrecondition with its stderr. */
export async function zfsStoreCommand(args: readonly string[]): Promise<string> {
  try {
    return await exec('zfs', args, { timeoutMs: TIMEOUT_MS });
  } catch (cause) {
    throw failedPrecondition(saidBy(cause), { cause });
  }
}

export function zfsCommandError(error: unknown, pool: string): StatusError {
  if (error instanceof StatusError) return error;
  const said = saidBy(error);
  const [, code, mend] = MEANINGS.find(([pattern]) => pattern.test(said)) ?? [undefined, Code.Internal, () => ''];
  const advice = mend(pool);
  return new StatusError(code, advice === '' ? said : `${said}: ${advice}`, { cause: error });
}

/** Its stderr, where it said anything, in one line. */
function saidBy(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  if (stderr !== '') return stderr.replaceAll(/\s*\n\s*/g, '; ');
  return messageOf(error);
}
