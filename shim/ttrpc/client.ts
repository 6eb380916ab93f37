import { connect, type Socket } from 'node:net';
import { Code, StatusError } from '../../common/errors.ts';
import { decodeResponse, encodeRequestFrame } from './envelope.ts';
import { HEADER_BYTES, MAX_DATA_BYTES, MessageType, oversizeMessage, type Frame } from './frame.ts';
import { FrameSocket } from './frame-socket.ts';
import { silentLogger, type Logger } from './logger.ts';
import { deadlineExceeded, millisecondsToNanoseconds, startTimeout, type Timeout } from './timeout.ts';

export interface ClientOptions {
  logger?: Logger;
}

export interface CallOptions {
  /** How long to wait for the answer, in milliseconds; the server is told. Without it: for ever. */
  timeoutMs?: number;
  /** Values by key; keys are sent in lower case, as Go's receivers look for them. */
  metadata?: Readonly<Record<string, string | readonly string[]>>;
  /** Ends the wait with Canceled. The server goes on: ttrpc cannot tell it. */
  signal?: AbortSignal;
}

const LAST_STREAM_ID = 0xffff_ffff;

/** A ttrpc client: one connection, any number of calls at the same time. It does not reconnect. */
export class Client {
  readonly #frames: FrameSocket;
  readonly #logger: Logger;
  readonly #pending = new Map<number, PendingCall>();
  readonly #closed: Promise<void>;
  #nextStreamId = 1;
  #closeReason: Error | undefined;

  /** Takes over a socket that is connected, or about to be. */
  constructor(socket: Socket, options: ClientOptions = {}) {
    this.#logger = options.logger ?? silentLogger;
    let resolveClosed: () => void = () => undefined;
    this.#closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    const receiver = {
      onFrame: (frame: Frame) => {
        this.#receive(frame);
      },
      onClose: (reason: Error | undefined) => {
        this.#failPending(reason);
        resolveClosed();
      },
    };
    this.#frames = new FrameSocket(socket, receiver, { writeHighWaterBytes: Infinity });
    this.#frames.start();
  }

  /**
   * Connects to a Unix socket.
   * @throws StatusError Unavailable, with the system's error as its cause, if nobody listens there.
   */
  static connect(path: string, options: ClientOptions = {}): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ path });
      const fail = (error: Error) => {
        reject(new StatusError(Code.Unavailable, `cannot connect to ${path}: ${error.message}`, { cause: error }));
      };
      socket.once('error', fail);
      socket.once('connect', () => {
        socket.off('error', fail);
        resolve(new Client(socket, options));
      });
    });
  }

  /** Resolves when the connection is closed, by whichever side. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  get isClosed(): boolean {
    return this.#frames.closed;
  }

  /**
   * Calls a method and returns its reply's payload.
   * @throws StatusError: what the server answered; DeadlineExceeded or Canceled when the wait ended first;
   *   ResourceExhausted for a request or a reply over 4 MiB; Unavailable if the connection is closed before the reply,
   *   when it is unknown whether the server acted.
   */
  call(service: string, method: string, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(options);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const streamId = this.#nextStreamId;
      const frame = encodeRequestFrame(streamId, {
        service,
        method,
        payload,
        timeoutNano: options.timeoutMs === undefined ? 0n : millisecondsToNanoseconds(options.timeoutMs),
        metadata: toPairs(options.metadata),
      });
      const length = frame.length - HEADER_BYTES;
      if (length > MAX_DATA_BYTES) {
        reject(new StatusError(Code.ResourceExhausted, oversizeMessage(length)));
        return;
      }
      this.#nextStreamId += 2;
      this.#pending.set(streamId, new PendingCall(resolve, reject, options, () => this.#pending.delete(streamId)));
      this.#frames.send(frame);
    });
  }

  /** Closes the connection at once. Calls without an answer fail with Unavailable. */
  close(): void {
    this.#frames.destroy(new Error('the client was closed'));
  }

  #refusal(options: CallOptions): StatusError | undefined {
    if (this.#closeReason !== undefined) return closedError(this.#closeReason);
    if (this.#nextStreamId > LAST_STREAM_ID) {
      return new StatusError(Code.Unavailable, 'ttrpc: this connection has no stream ids left; open another one');
    }
    if (options.signal?.aborted === true) return canceledError(options.signal);
    if (options.timeoutMs !== undefined && options.timeoutMs <= 0) return deadlineExceeded();
    return undefined;
  }

  #receive(frame: Frame): void {
    if (frame.type !== MessageType.Response && frame.type !== MessageType.Data) return;
    const pending = this.#pending.get(frame.streamId);
    if (pending === undefined) {
      this.#logger.debug({ streamId: frame.streamId }, 'ttrpc: an answer came that nobody waits for');
      return;
    }
    try {
      pending.succeed(replyOf(frame));
    } catch (error) {
      pending.fail(StatusError.from(error));
    }
  }

  #failPending(reason: Error | undefined): void {
    this.#closeReason ??= reason ?? new Error('the server closed the connection');
    const error = closedError(this.#closeReason);
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }
}

/** A call without an answer, with whatever may end its wait. */
class PendingCall {
  readonly #resolve: (reply: Uint8Array) => void;
  readonly #reject: (error: StatusError) => void;
  readonly #forget: () => void;
  readonly #timeout: Timeout | undefined;
  readonly #signal: AbortSignal | undefined;

  constructor(
    resolve: (reply: Uint8Array) => void,
    reject: (error: StatusError) => void,
    options: CallOptions,
    forget: () => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#forget = forget;
    if (options.timeoutMs !== undefined) {
      this.#timeout = startTimeout(options.timeoutMs, () => {
        this.fail(deadlineExceeded());
      });
    }
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#cancel);
  }

  succeed(reply: Uint8Array): void {
    this.#stopWaiting();
    this.#resolve(reply);
  }

  fail(error: StatusError): void {
    this.#stopWaiting();
    this.#reject(error);
  }

  readonly #cancel = () => {
    if (this.#signal !== undefined) this.fail(canceledError(this.#signal));
  };

  #stopWaiting(): void {
    this.#forget();
    this.#timeout?.clear();
    this.#signal?.removeEventListener('abort', this.#cancel);
  }
}

/** @throws StatusError what the server answered, or what is wrong with its answer. */
function replyOf(frame: Frame): Uint8Array {
  if (frame.oversize) throw new StatusError(Code.ResourceExhausted, oversizeMessage(frame.length));
  if (frame.type !== MessageType.Response) {
    throw new StatusError(Code.Internal, 'ttrpc: the server sent stream data in answer to a unary call');
  }
  return payloadOf(frame.data);
}

/** The payload in a response frame's data. @throws StatusError what the server answered, or Internal for no Response. */
export function payloadOf(data: Uint8Array): Uint8Array {
  const { status, payload } = parseResponse(data);
  if (status === undefined || status.code === Code.OK) return payload;
  throw new StatusError(knownCode(status.code), status.message);
}

function parseResponse(data: Uint8Array) {
  try {
    return decodeResponse(data);
  } catch (error) {
    throw new StatusError(Code.Internal, `ttrpc: cannot read the server's answer: ${String(error)}`, { cause: error });
  }
}

const codes: ReadonlySet<number> = new Set(Object.values(Code));

/** A code of a later version of gRPC is an error like any other. */
function knownCode(code: number): Code {
  return codes.has(code) ? (code as Code) : Code.Unknown;
}

function toPairs(metadata: CallOptions['metadata'] = {}): [string, string][] {
  return Object.entries(metadata).flatMap(([key, values]) =>
    [values].flat().map((value): [string, string] => [key.toLowerCase(), value]),
  );
}

const closedError = (cause: Error) => new StatusError(Code.Unavailable, `ttrpc: closed: ${cause.message}`, { cause });
const canceledError = (signal: AbortSignal) =>
  new StatusError(Code.Canceled, 'the caller canceled the call', { cause: signal.reason });
