/**
 * Which call of a client's it is: `KEEPER/CONNECTION/STREAM`, the keeper's identity, the number that it gave to the
 * client's connection, and the call's number on that. It is the same when the keeper gives the call to another daemon.
 */
export type CallIdentity = string;
