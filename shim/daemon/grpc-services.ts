import type { Socket } from 'node:net';
import type { ServerUnaryCall, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import { StatusError } from '../../common/errors.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import { TASK_SERVICES } from './task-transport.ts';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Reply = sendUnaryData<Buffer>;

/**
 * The Task service over gRPC, for a client that asks for it. The library is loaded with the first such connection: it
 * doubles the daemon's memory, and no containerd uses it unless told to.
 */
export class GrpcServices {
  readonly #handlers: ReadonlyMap<string, EncodedHandler>;
  readonly #namespace: string;
  #injector: Promise<(socket: Socket) => void> | undefined;

  /** For the calls of one namespace. */
  constructor(handlers: ReadonlyMap<string, EncodedHandler>, namespace: string) {
    this.#handlers = handlers;
    this.#namespace = namespace;
  }

  async serveConnection(socket: Socket): Promise<void> {
    this.#injector ??= this.#start();
    const inject = await this.#injector;
    inject(socket);
  }

  async #start(): Promise<(socket: Socket) => void> {
    const { Server, ServerCredentials } = await import('@grpc/grpc-js');
    const server = new Server();
    for (const service of TASK_SERVICES) server.addService(this.#definition(service), this.#implementation());
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    return (socket) => {
      injector.injectConnection(socket);
    };
  }

  /** Payloads stay bytes: the handlers decode them, as for ttrpc. */
  #definition(service: string): ServiceDefinition {
    const pass = (bytes: Buffer) => bytes;
    const methods = [...this.#handlers.keys()].map((name) => [
      name,
      {
        path: `/${service}/${name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: pass,
        requestDeserialize: pass,
        responseSerialize: pass,
        responseDeserialize: pass,
      },
    ]);
    return Object.fromEntries(methods) as ServiceDefinition;
  }

  #implementation(): Record<string, (call: Call, reply: Reply) => void> {
    return Object.fromEntries(
      [...this.#handlers].map(([name, handler]) => [
        name,
        (call: Call, reply: Reply) => {
          void this.#answer(handler, call, reply);
        },
      ]),
    );
  }

  async #answer(handler: EncodedHandler, call: Call, reply: Reply): Promise<void> {
    try {
      // Such a call is not repeated: its connection ends with this daemon.
      reply(null, Buffer.from(await handler(this.#namespace, call.request, undefined)));
    } catch (error) {
      const { code, message } = StatusError.from(error);
      reply(Object.assign(new Error(message), { code, details: message }));
    }
  }
}
