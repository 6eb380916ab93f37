/** What a handler may know of the call it answers. */
export interface CallContext {
  readonly service: string;
  readonly method: string;
  /** Values by key; keys are in lower case, as Go's senders write them. */
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  /** When the caller stops waiting, in milliseconds since the epoch (as Date.now()); undefined if it waits for ever. */
  readonly deadline: number | undefined;
  /**
   * Aborted when nobody waits for the answer any more: with a StatusError DeadlineExceeded at the deadline, or Canceled
   * when the connection closes. ttrpc has no message by which a caller could take back a single call.
   */
  readonly signal: AbortSignal;
  /** Of its connection; the next call has a higher one. */
  readonly streamId: number;
  /** The same object for all calls of one connection. */
  readonly connection: ConnectionIdentity;
  /**
   * Registers what is to be done once the handler is through and its reply has left for the peer, or never can because
   * the connection closed. Failures are logged.
   */
  afterReply(action: () => void | Promise<void>): void;
}

export interface ConnectionIdentity {
  /** Counts up from 1 in each server. */
  readonly id: number;
  /** What whoever handed the connection over calls it. */
  readonly name: string | undefined;
}

/** Answers one call: takes the request's payload and returns the reply's; what it throws becomes the call's status. */
export type UnaryHandler = (payload: Uint8Array, context: CallContext) => Promise<Uint8Array>;

/** The handlers of a service by the names of its methods. */
export type HandlerTable = Readonly<Record<string, UnaryHandler>>;
