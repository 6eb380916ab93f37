/**
 * Which call of a client's it is: `KEEPER/CONNECTION/STREAM`, in at most 95 characters and no blanks: the keeper's
 * identity, the number that it gave to the client's connection, and the call's number on that. A call that was not
 * answered when its daemon died comes to the next one with the same identity, and then is to be done only if it was not.
 */
export type CallIdentity = string;

/** Whether the first one was asked on the same connection, and earlier. */
export function isEarlierCall(one: CallIdentity, other: CallIdentity): boolean {
  const [connection, stream] = split(one);
  const [otherConnection, otherStream] = split(other);
  return connection === otherConnection && stream < otherStream;
}

function split(call: CallIdentity): readonly [connection: string, stream: number] {
  const slash = call.lastIndexOf('/');
  return [call.slice(0, slash), Number(call.slice(slash + 1))];
}
