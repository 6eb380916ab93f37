import type { Socket } from 'node:net';
import { Code, StatusError } from '../../common/errors.ts';
import type { ConnectionIdentity, UnaryHandler } from './call-context.ts';
import { decodeRequest, encodeReplyFrame, encodeStatusFrame, type Request } from './envelope.ts';
import { HEADER_BYTES, MAX_DATA_BYTES, MessageType, oversizeMessage, type Frame } from './frame.ts';
import { FrameSocket, type FrameReceiver } from './frame-socket.ts';
import type { Logger } from './logger.ts';
import { ServerCall } from './server-call.ts';
import { deadlineExceeded } from './timeout.ts';

const WRITE_HIGH_WATER_BYTES = 256 * 1024;

/** What a connection needs of the server it belongs to. */
export interface ConnectionOwner {
  readonly logger: Logger;
  /** @throws StatusError Unimplemented if there is no such service or method. */
  resolve(service: string, method: string): UnaryHandler;
  requestRead(): void;
  connectionClosed(connection: ServerConnection): void;
}

/** A call that still owes its answer. */
export interface RunningCall {
  readonly service: string;
  readonly method: string;
}

/** The server's end of one connection: admits requests, runs their handlers at the same time, answers as they finish. */
export class ServerConnection implements FrameReceiver {
  readonly identity: ConnectionIdentity;
  readonly #owner: ConnectionOwner;
  readonly #frames: FrameSocket;
  /** Calls that still owe an answer, by stream id. */
  readonly #calls = new Map<number, ServerCall>();
  #lastStreamId: number;
  #draining = false;

  constructor(identity: ConnectionIdentity, socket: Socket, owner: ConnectionOwner, lastStreamId = 0) {
    this.identity = identity;
    this.#owner = owner;
    this.#lastStreamId = lastStreamId;
    this.#frames = new FrameSocket(socket, this, { writeHighWaterBytes: WRITE_HIGH_WATER_BYTES });
  }

  get runningCalls(): readonly RunningCall[] {
    return [...this.#calls.values()];
  }

  start(): void {
    this.#frames.start();
  }

  /**
   * Lets running calls finish and flushes their replies, then closes. Requests that come meanwhile are neither started
   * nor answered, so whoever sent them may safely send them to our successor. A call that may be abandoned is not
   * answered either.
   */
  drain(mayAbandon: (call: RunningCall) => boolean = () => false): void {
    this.#draining = true;
    for (const call of [...this.#calls.values()].filter(mayAbandon)) {
      this.#calls.delete(call.streamId);
      call.abort(new StatusError(Code.Canceled, 'somebody else will answer this call'));
    }
    this.#endWhenDrained();
  }

  destroy(): void {
    this.#frames.destroy();
  }

  onFrame(frame: Frame): void {
    if (frame.type === MessageType.Request) this.#owner.requestRead();
    // Go's server ignores other types too, to leave room for later versions of the protocol.
    if (this.#draining || (frame.type !== MessageType.Request && frame.type !== MessageType.Data)) return;
    try {
      const request = this.#admit(frame);
      this.#run(request, this.#owner.resolve(request.service, request.method), frame.streamId);
    } catch (error) {
      this.#refuse(frame.streamId, StatusError.from(error));
    }
  }

  onClose(reason: Error | undefined): void {
    const { logger } = this.#owner;
    const fields = { connection: this.identity.id, err: reason };
    // That a peer is gone (a system error, which has a code) is everyday life; what else ends a connection is a fault.
    if (reason === undefined || 'code' in reason) logger.debug(fields, 'ttrpc: connection closed');
    else logger.warn(fields, `ttrpc: closed a connection: ${reason.message}`);
    const canceled = new StatusError(Code.Canceled, 'the connection of the caller closed', { cause: reason });
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.abort(canceled);
    this.#owner.connectionClosed(this);
  }

  /**
   * The checks of Go's server, in its order and its words.
   * @throws StatusError which answers the stream; the connection lives on.
   */
  #admit(frame: Frame): Request {
    const { streamId } = frame;
    if (frame.oversize) throw new StatusError(Code.ResourceExhausted, oversizeMessage(frame.length));
    if (streamId % 2 !== 1) throw invalid('StreamID must be odd for client initiated streams');
    // Only streaming calls take data, and no method of ours is one.
    if (frame.type === MessageType.Data) throw invalid('StreamID is no longer active');
    if (streamId <= this.#lastStreamId) throw invalid('StreamID cannot be re-used and must increment');
    this.#lastStreamId = streamId;
    const request = parseRequest(frame.data);
    if (request.timeoutNano < 0n) throw deadlineExceeded();
    return request;
  }

  #run(request: Request, handler: UnaryHandler, streamId: number): void {
    const call = new ServerCall(streamId, request, this.identity, (error) => {
      this.#answer(call, encodeStatusFrame(streamId, error));
    });
    this.#calls.set(streamId, call);
    let running: Promise<Uint8Array>;
    try {
      running = handler(request.payload, call);
    } catch (error) {
      this.#fail(call, error);
      return;
    }
    running
      .then((payload) => {
        this.#finish(call, encodeReply(streamId, payload));
      })
      .catch((error: unknown) => {
        this.#fail(call, error);
      });
  }

  #fail(call: ServerCall, error: unknown): void {
    const { logger } = this.#owner;
    const fields = { service: call.service, method: call.method, err: error };
    // An error with a code is an answer somebody meant to give; one without is a fault of ours.
    if (error instanceof StatusError) logger.debug(fields, 'ttrpc: a call failed');
    else logger.error(fields, 'ttrpc: a handler failed with an error that has no code');
    this.#finish(call, encodeStatus(call.streamId, StatusError.from(error)));
  }

  /** Answers a call whose handler is through, and does what the handler left for afterwards. */
  #finish(call: ServerCall, frame: Uint8Array): void {
    call.stopTimeout();
    if (!call.hasActionsAfterReply) {
      this.#answer(call, frame);
      return;
    }
    const act = () => {
      void call.runActionsAfterReply((error) => {
        const fields = { service: call.service, method: call.method, err: error };
        this.#owner.logger.error(fields, 'ttrpc: what was to be done after a reply failed');
      });
    };
    if (!this.#answer(call, frame, act)) act();
  }

  /** Sends the only answer of a call; returns false if it has had one, or the connection is gone. */
  #answer(call: ServerCall, frame: Uint8Array, flushed?: () => void): boolean {
    if (!this.#calls.delete(call.streamId)) return false;
    this.#frames.send(frame, flushed);
    this.#endWhenDrained();
    return true;
  }

  #refuse(streamId: number, error: StatusError): void {
    this.#frames.send(encodeStatus(streamId, error));
  }

  #endWhenDrained(): void {
    if (this.#draining && this.#calls.size === 0) this.#frames.end();
  }
}

const invalid = (message: string) => new StatusError(Code.InvalidArgument, message);

function parseRequest(data: Uint8Array): Request {
  try {
    return decodeRequest(data);
  } catch (error) {
    throw new StatusError(Code.InvalidArgument, `unmarshal request error: ${String(error)}`, { cause: error });
  }
}

/** The reply's frame, or, where it would exceed the limit of a frame, that of a ResourceExhausted status. */
function encodeReply(streamId: number, payload: Uint8Array): Uint8Array {
  const frame = encodeReplyFrame(streamId, payload);
  const length = frame.length - HEADER_BYTES;
  if (length <= MAX_DATA_BYTES) return frame;
  return encodeStatusFrame(streamId, { code: Code.ResourceExhausted, message: oversizeMessage(length) });
}

/** The status' frame; a message that would exceed the limit of a frame is cut short. */
function encodeStatus(streamId: number, error: StatusError): Uint8Array {
  const frame = encodeStatusFrame(streamId, error);
  if (frame.length - HEADER_BYTES <= MAX_DATA_BYTES) return frame;
  return encodeStatusFrame(streamId, { code: error.code, message: `${error.message.slice(0, 4096)}…` });
}
