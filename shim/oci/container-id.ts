import { invalidArgument } from '../../common/errors.ts';

/** containerd's identifiers package: 76 characters, so that a path or host name made of one stays short. */
const MAX_LENGTH = 76;
const IDENTIFIER = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/**
 * Gives the id back if it is one by containerd's rule (identifiers.Validate), and throws InvalidArgument if not.
 * containerd has checked it already; but our state directories, cgroups and sockets are named after ids, and what
 * passes here cannot leave its directory. `what` names the id in the message: `container id`, `exec id`, `namespace`.
 */
export function checkIdentifier(id: string, what: string): string {
  if (id.length <= MAX_LENGTH && IDENTIFIER.test(id)) return id;
  const shown = id.length <= MAX_LENGTH ? JSON.stringify(id) : `${JSON.stringify(id.slice(0, MAX_LENGTH))}…`;
  throw invalidArgument(
    `${what} ${shown} is not valid: expected 1 to ${MAX_LENGTH} letters and digits, with single '.', '_' or '-' between`,
  );
}
