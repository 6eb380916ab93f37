import type { Socket } from 'node:net';
import type { ServerUnaryCall, ServiceDefinition, sendUnaryData } from '@grpc/grpc-js';
import { StatusError } from '../../common/errors.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import { TASK_SERVICES, namespaceOf } from './task-transport.ts';

/** The namespace header of gRPC: containerd, namespaces/grpc.go. */
const NAMESPACE_KEY = 'containerd-namespace';

type Call = ServerUnaryCall<Buffer, Buffer>;
type Reply = sendUnaryData<Buffer>;

/**
 * The Task service over gRPC, for a client that asks for it. The library is loaded with the first such connection: it
 * doubles the daemon's memory, and no containerd uses it unless told to.
 */
export class GrpcServices {
  readonly #handlers: ReadonlyMap<string, EncodedHandler>;
  readonly #endpoint: string | undefined;
  #injector: Promise<(socket: Socket) => void> | undefined;

  /** `endpoint` is the namespace of the socket, if it has one. */
  constructor(handlers: ReadonlyMap<string, EncodedHandler>, endpoint: string | undefined) {
    this.#handlers = handlers;
    this.#endpoint = endpoint;
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
      const [said] = call.metadata.get(NAMESPACE_KEY);
      const namespace = namespaceOf(this.#endpoint, said?.toString(), NAMESPACE_KEY);
      reply(null, Buffer.from(await handler(namespace, call.request, undefined)));
    } catch (error) {
      const { code, message } = StatusError.from(error);
      reply(Object.assign(new Error(message), { code, details: message }));
    }
  }
}
