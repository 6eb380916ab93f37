import { Code, StatusError } from '../../common/errors.ts';
import type { CallContext, HandlerTable, UnaryHandler } from './call-context.ts';
import type { CallOptions } from './client.ts';

/** What is used here of the message codecs that ts-proto generates. */
export interface MessageCodec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/** A service as ts-proto generates it with `outputServices=generic-definitions`. */
export interface ServiceDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

export interface MethodDefinition {
  /** The name on the wire. */
  readonly name: string;
  readonly requestType: MessageCodec<unknown>;
  readonly responseType: MessageCodec<unknown>;
}

type MessageOf<C> = C extends { decode(bytes: Uint8Array): infer T } ? T : never;
type RequestOf<M extends MethodDefinition> = MessageOf<M['requestType']>;
type ResponseOf<M extends MethodDefinition> = MessageOf<M['responseType']>;

/** A handler for each method, by the names of ts-proto's definition; one left out is answered with Unimplemented. */
export type ServiceHandlers<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]?: (
    request: RequestOf<D['methods'][K]>,
    context: CallContext,
  ) => Promise<ResponseOf<D['methods'][K]>>;
};

/** A function for each method, by the names of ts-proto's definition. */
export type ServiceClient<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]: (
    request: RequestOf<D['methods'][K]>,
    options?: CallOptions,
  ) => Promise<ResponseOf<D['methods'][K]>>;
};

/**
 * The table of handlers for `server.register(definition.fullName, …)`. A request that does not decode is answered with
 * Internal, as Go's server does.
 */
export function toHandlerTable<D extends ServiceDefinition>(definition: D, handlers: ServiceHandlers<D>): HandlerTable {
  const table: Record<string, UnaryHandler> = {};
  for (const [key, method] of Object.entries(definition.methods)) {
    const handler = handlers[key] as ((request: unknown, context: CallContext) => Promise<unknown>) | undefined;
    if (handler === undefined) continue;
    table[method.name] = async (payload, context) => {
      const response = await handler.call(handlers, decode(method.requestType, payload), context);
      return method.responseType.encode(response).finish();
    };
  }
  return table;
}

/** What carries calls: a `Client`, or another transport with the same messages. */
export interface Caller {
  call(service: string, method: string, payload: Uint8Array, options?: CallOptions): Promise<Uint8Array>;
}

/** @returns a client of the service over `client`; its functions fail as `client.call` does. */
export function toServiceClient<D extends ServiceDefinition>(definition: D, client: Caller): ServiceClient<D> {
  const call = (method: MethodDefinition) => async (request: unknown, options?: CallOptions) => {
    const payload = method.requestType.encode(request).finish();
    return decode(method.responseType, await client.call(definition.fullName, method.name, payload, options));
  };
  const entries = Object.entries(definition.methods).map(([key, method]) => [key, call(method)]);
  return Object.fromEntries(entries) as ServiceClient<D>;
}

function decode(codec: MessageCodec<unknown>, payload: Uint8Array): unknown {
  try {
    return codec.decode(payload);
  } catch (error) {
    throw new StatusError(Code.Internal, `ttrpc: error unmarshalling payload: ${String(error)}`, { cause: error });
  }
}
