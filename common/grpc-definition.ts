import type { ServiceDefinition } from '@grpc/grpc-js';

/** A message's functions, as ts-proto makes them. */
interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

interface GenericMethod {
  readonly name: string;
  // Each method has its own types; `MessageOf` gives them back.
  readonly requestType: MessageType<never> | MessageType<unknown>;
  readonly responseType: MessageType<never> | MessageType<unknown>;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

/** A service's methods, as ts-proto describes them (`outputServices=generic-definitions`). */
export interface GenericDefinition {
  readonly fullName: string;
  readonly methods: Readonly<Record<string, GenericMethod>>;
}

export type MessageOf<T> = T extends { decode(bytes: never): infer M } ? M : never;

export type RequestOf<D extends GenericDefinition, M extends keyof D['methods']> = MessageOf<
  D['methods'][M]['requestType']
>;
export type ResponseOf<D extends GenericDefinition, M extends keyof D['methods']> = MessageOf<
  D['methods'][M]['responseType']
>;

/** What grpc-js wants to know of a service. An answer in a Buffer is one that is encoded already. */
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
        responseSerialize: (message: unknown) =>
          Buffer.isBuffer(message) ? message : Buffer.from(responseType.encode(message).finish()),
        responseDeserialize: (bytes: Buffer) => responseType.decode(bytes),
      },
    ];
  });
  return Object.fromEntries(entries) as ServiceDefinition;
}
