import type {
  ServiceDefinition,
  UntypedServiceImplementation,
  handleServerStreamingCall,
  handleUnaryCall,
} from '@grpc/grpc-js';
import { Code, StatusError } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';

/** A message's functions, as ts-proto makes them. */
interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A service's methods, as ts-proto describes them (`outputServices=generic-definitions`). */
interface GenericDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GenericMethod>>;
}

interface GenericMethod {
  readonly name: string;
  // Each method has its own types; `Handlers` below gives them back.
  readonly requestType: MessageType<never> | MessageType<unknown>;
  readonly responseType: MessageType<never> | MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

type MessageOf<T> = T extends { decode(bytes: never): infer M } ? M : never;

/** For each method a function; one that streams its answer is a generator, and `signal` says that nobody listens. */
export type Handlers<D extends GenericDefinition> = {
  [M in keyof D['methods']]: D['methods'][M]['responseStream'] extends true
    ? (
        request: MessageOf<D['methods'][M]['requestType']>,
        signal: AbortSignal,
      ) => AsyncIterable<MessageOf<D['methods'][M]['responseType']>>
    : (
        request: MessageOf<D['methods'][M]['requestType']>,
        signal: AbortSignal,
      ) => Promise<MessageOf<D['methods'][M]['responseType']>>;
};

type UntypedHandler = (request: unknown, signal: AbortSignal) => Promise<unknown> | AsyncIterable<unknown>;

/** What grpc-js wants to know of a service. */
export function serviceDefinition({ fullName, methods }: GenericDefinition): ServiceDefinition {
  const entries = Object.entries(methods).map(([key, method]) => {
    const { name, requestStream, responseStream } = method;
    const requestType = method.requestType as MessageType<unknown>;
    const responseType = method.responseType as MessageType<unknown>;
    return [
      key,
      {
        path: `/${fullName}/${name}`,
        requestStream,
        responseStream,
        requestSerialize: (message: unknown) => Buffer.from(requestType.encode(message).finish()),
        requestDeserialize: (bytes: Buffer) => requestType.decode(bytes),
        responseSerialize: (message: unknown) => Buffer.from(responseType.encode(message).finish()),
        responseDeserialize: (bytes: Buffer) => responseType.decode(bytes),
      },
    ];
  });
  return Object.fromEntries(entries) as ServiceDefinition;
}

/** Makes plain functions what grpc-js calls: failures get their code, and those that nobody expected a line in the log. */
export function implementation<D extends GenericDefinition>(
  definition: D,
  handlers: Handlers<D>,
  logger: Logger,
): UntypedServiceImplementation {
  const untyped = handlers as Readonly<Record<string, UntypedHandler>>;
  const entries = Object.entries(definition.methods).map(([key, { name, responseStream }]) => {
    const handler = untyped[key];
    if (handler === undefined) throw new Error(`method ${name} has no handler`);
    const fail = (error: unknown) => toStatus(error, name, logger);
    return [key, responseStream ? streaming(handler, fail) : unary(handler, fail)] as const;
  });
  return Object.fromEntries(entries);
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
    const abort = new AbortController();
    call.once('cancelled', () => {
      abort.abort();
    });
    const send = async () => {
      for await (const message of handler(call.request, abort.signal) as AsyncIterable<unknown>) {
        if (abort.signal.aborted) return;
        if (!call.write(message)) await drained(call);
      }
      call.end();
    };
    send().catch((error: unknown) => {
      call.emit('error', fail(error));
    });
  };
}

/** Or cancelled: then nobody reads any more. */
const drained = (call: Parameters<handleServerStreamingCall<unknown, unknown>>[0]) =>
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
