import { credentials, Metadata, makeGenericClientConstructor, type Client } from '@grpc/grpc-js';
import {
  serviceDefinition,
  type GenericDefinition,
  type RequestOf,
  type ResponseOf,
} from '../../common/grpc-definition.ts';

const DEADLINE_MS = 120_000;

/** A service on a Unix socket. Errors are grpc-js's: with `code` and `details`. */
export class GrpcClient<D extends GenericDefinition> {
  readonly #client: Client;
  readonly #definition: D;
  readonly #metadata = new Metadata();

  /** `namespace` is containerd's; a service without namespaces takes no notice of it. */
  constructor(definition: D, socket: string, namespace?: string) {
    const Service = makeGenericClientConstructor({}, definition.fullName);
    this.#definition = definition;
    this.#client = new Service(`unix:${socket}`, credentials.createInsecure(), {
      // A daemon that comes back is to be found at once.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 100,
      'grpc.use_local_subchannel_pool': 1,
    });
    if (namespace !== undefined) this.#metadata.set('containerd-namespace', namespace);
  }

  close(): void {
    this.#client.close();
  }

  call<M extends keyof D['methods'] & string>(method: M, request: RequestOf<D, M>): Promise<ResponseOf<D, M>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const options = { deadline: Date.now() + DEADLINE_MS };
    return new Promise((resolve, reject) => {
      const done = (error: Error | null, response: unknown) => {
        if (error === null) resolve(response as ResponseOf<D, M>);
        else reject(error);
      };
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        options,
        done,
      );
    });
  }

  async *stream<M extends keyof D['methods'] & string>(
    method: M,
    request: RequestOf<D, M>,
  ): AsyncGenerator<ResponseOf<D, M>> {
    const { path, requestSerialize, responseDeserialize } = this.#method(method);
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      this.#metadata,
    );
    for await (const response of call) yield response as ResponseOf<D, M>;
  }

  #method(name: string) {
    const method = serviceDefinition(this.#definition)[name];
    if (method === undefined) throw new Error(`${this.#definition.fullName} has no method ${name}`);
    return method;
  }
}
