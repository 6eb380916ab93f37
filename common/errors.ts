/** gRPC status codes (google.rpc.Code); ttrpc uses the same numbers. */
export const Code = {
  OK: 0,
  Canceled: 1,
  Unknown: 2,
  InvalidArgument: 3,
  DeadlineExceeded: 4,
  NotFound: 5,
  AlreadyExists: 6,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  FailedPrecondition: 9,
  Aborted: 10,
  OutOfRange: 11,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  DataLoss: 15,
  Unauthenticated: 16,
} as const;
export type Code = (typeof Code)[keyof typeof Code];

/** gRPC sends a message in a header, and readers of logs want none either that quotes a megabyte of input. */
const MAX_MESSAGE = 4096;

/**
 * The one error class of this project. `message` names what was wrong (the field, the value) and what mends it;
 * callers such as Docker match on some texts, which therefore live in `common/messages.ts` with a test.
 * A `cause` is kept for the log and is not sent over the wire.
 */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: Code;

  constructor(code: Code, message: string, options?: ErrorOptions) {
    super(message.length <= MAX_MESSAGE ? message : `${message.slice(0, MAX_MESSAGE)}…`, options);
    this.code = code;
  }

  /** Gives any thrown value a code: a StatusError keeps its own, everything else is `Unknown`, as Go's shims answer. */
  static from(value: unknown): StatusError {
    if (value instanceof StatusError) return value;
    const message = messageOf(value);
    return new StatusError(Code.Unknown, message, { cause: value });
  }
}

export const invalidArgument = (message: string, options?: ErrorOptions) =>
  new StatusError(Code.InvalidArgument, message, options);
export const notFound = (message: string, options?: ErrorOptions) => new StatusError(Code.NotFound, message, options);
export const alreadyExists = (message: string, options?: ErrorOptions) =>
  new StatusError(Code.AlreadyExists, message, options);
export const failedPrecondition = (message: string, options?: ErrorOptions) =>
  new StatusError(Code.FailedPrecondition, message, options);
export const unimplemented = (message: string, options?: ErrorOptions) =>
  new StatusError(Code.Unimplemented, message, options);
export const internal = (message: string, options?: ErrorOptions) => new StatusError(Code.Internal, message, options);
export const dataLoss = (message: string, options?: ErrorOptions) => new StatusError(Code.DataLoss, message, options);

/** The text of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
