import type {
  UntypedServiceImplementation,
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js';
import { Code, StatusError } from '../../common/errors.ts';
import type { GenericDefinition, RequestOf, ResponseOf } from '../../common/grpc-definition.ts';
import type { Logger } from '../../common/logger.ts';

/**
 * For each method a function; one that streams its answer is a generator, one that is given a stream iterates over it,
 * and `signal` says that nobody listens any more. Of a streamed answer, what is in a Buffer is encoded already.
 */
export type Handlers<D extends GenericDefinition> = {
  [M in keyof D['methods']]: (
    request: D['methods'][M]['requestStream'] extends true ? AsyncIterable<RequestOf<D, M>> : RequestOf<D, M>,
    signal: AbortSignal,
  ) => D['methods'][M]['responseStream'] extends true
    ? AsyncIterable<ResponseOf<D, M> | Buffer>
    : Promise<ResponseOf<D, M>>;
};

type UntypedHandler = (request: unknown, signal: AbortSignal) => Promise<unknown> | AsyncIterable<unknown>;

type UntypedHandlers = Readonly<Record<string, UntypedHandler>>;

/**
 * Makes plain functions what grpc-js calls: failures get their code, and those that nobody expected a line in the log.
 * Calls that come before the functions are there wait for them.
 */
export function implementation<D extends GenericDefinition>(
  definition: D,
  handlers: Promise<Handlers<D>>,
  logger: Logger,
): UntypedServiceImplementation {
  const entries = Object.entries(definition.methods).map(([key, { name, requestStream, responseStream }]) => {
    const handler = awaiting(handlers as Promise<UntypedHandlers>, key, responseStream);
    const fail = (error: unknown) => toStatus(error, name, logger);
    if (requestStream) return [key, streamingBothWays(handler, fail)] as const;
    return [key, responseStream ? streaming(handler, fail) : unary(handler, fail)] as const;
  });
  return Object.fromEntries(entries) as UntypedServiceImplementation;
}

function awaiting(handlers: Promise<UntypedHandlers>, key: string, responseStream: boolean): UntypedHandler {
  const find = async () => {
    const handler = (await handlers)[key];
    if (handler === undefined) throw new Error(`method ${key} has no handler`);
    return handler;
  };
  if (!responseStream) return async (request, signal) => (await find())(request, signal);
  return async function* (request, signal) {
    yield* (await find())(request, signal) as AsyncIterable<unknown>;
  };
}

/** grpc-js reads the status off an error. */
type Failure = Error & { readonly code: Code; readonly details: string };
type Fail = (error: unknown) => Failure;

function unary(handler: UntypedHandler, fail: Fail): handleUnaryCall<unknown, unknown> {
  return (call, reply) => {
    const abort = new AbortController();
    call.once('cancelled', () => {
      abort.abort();
    });
    Promise.resolve()
      .then(() => handler(call.request, abort.signal) as Promise<unknown>)
      .then(
        (response) => {
          reply(null, response);
        },
        (error: unknown) => {
          reply(fail(error));
        },
      );
  };
}

function streaming(handler: UntypedHandler, fail: Fail): handleServerStreamingCall<unknown, unknown> {
  return (call) => {
    answer(call, (signal) => handler(call.request, signal) as AsyncIterable<unknown>, fail);
  };
}

function streamingBothWays(handler: UntypedHandler, fail: Fail): handleBidiStreamingCall<unknown, unknown> {
  return (call) => {
    // To read it to its end must not destroy it: the answer is still to be written.
    const requests = call.iterator({ destroyOnReturn: false });
    answer(call, (signal) => handler(requests, signal) as AsyncIterable<unknown>, fail);
  };
}

type AnsweringCall = Parameters<handleServerStreamingCall<unknown, unknown>>[0] | BidiCall;
type BidiCall = Parameters<handleBidiStreamingCall<unknown, unknown>>[0];

function answer(call: AnsweringCall, begin: (signal: AbortSignal) => AsyncIterable<unknown>, fail: Fail): void {
  const abort = new AbortController();
  call.once('cancelled', () => {
    abort.abort();
  });
  const send = async () => {
    for await (const message of begin(abort.signal)) {
      if (abort.signal.aborted) return;
      if (!call.write(message)) await drained(call);
    }
    call.end();
  };
  send().catch((error: unknown) => {
    call.emit('error', fail(error));
  });
}

/** Or cancelled: then nobody reads any more. */
const drained = (call: AnsweringCall) =>
  new Promise<void>((resolve) => {
    call.once('drain', resolve);
    call.once('cancelled', resolve);
  });

function toStatus(error: unknown, method: string, logger: Logger): Failure {
  const { code, message } = StatusError.from(error);
  if (code === Code.Unknown || code === Code.Internal || code === Code.DataLoss) {
    logger.error({ err: error, method }, 'a call failed');
  } else {
    logger.debug({ code, message, method }, 'a call was refused');
  }
  return Object.assign(new Error(message), { code, details: message });
}
