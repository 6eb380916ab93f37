import { Code, StatusError } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';

/** Gives what the file system says of a state directory words and a code. */
export function stateError(error: unknown, directory: string): unknown {
  if (error instanceof StatusError || !(error instanceof Error)) return error;
  const code = hasErrorCode(error, 'ENOSPC', 'EDQUOT') ? Code.ResourceExhausted : Code.Internal;
  return new StatusError(code, `the container's state cannot be written to ${directory}: ${error.message}`, {
    cause: error,
  });
}
