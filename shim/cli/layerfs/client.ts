import type { Client, ClientDuplexStream, ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import path from 'node:path';
import { Code, StatusError } from '../../../common/errors.ts';
import { serviceDefinition, type RequestOf, type ResponseOf } from '../../../common/grpc-definition.ts';
import { LayerFsDefinition } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';

type Definition = typeof LayerFsDefinition;
type Methods = Definition['methods'];
type Request<M extends keyof Methods> = RequestOf<Definition, M>;
type Response<M extends keyof Methods> = ResponseOf<Definition, M>;

type Unary = {
  [M in keyof Methods]: Methods[M]['responseStream'] extends true ? never : M;
}[keyof Methods];
type Streaming = Exclude<keyof Methods, Unary | 'receive'>;

/** As the daemon sends and takes. */
const MAX_MESSAGE_BYTES = 16 << 20;

/** The daemon, on its socket. Whoever aborts `signal` cancels the call there too. */
export class LayerFsClient {
  readonly #client: Client;
  readonly #socket: string;
  readonly #signal: AbortSignal;

  private constructor(client: Client, socket: string, signal: AbortSignal) {
    this.#client = client;
    this.#socket = socket;
    this.#signal = signal;
  }

  static async connect(socket: string, signal: AbortSignal): Promise<LayerFsClient> {
    const { credentials, makeClientConstructor } = await import('@grpc/grpc-js');
    const LayerFs = makeClientConstructor(serviceDefinition(LayerFsDefinition), 'LayerFs');
    const client = new LayerFs(`unix:${path.resolve(socket)}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      // A call over a Unix socket needs no second try, and no proxy.
      'grpc.enable_retries': 0,
      'grpc.enable_http_proxy': 0,
    });
    return new LayerFsClient(client, socket, signal);
  }

  close(): void {
    this.#client.close();
  }

  call<M extends Unary>(method: M, request: Request<M>): Promise<Response<M>> {
    const { path: name, requestSerialize, responseDeserialize } = this.#method(method);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        name,
        requestSerialize,
        responseDeserialize,
        request,
        (error: ServiceError | null, response?: unknown) => {
          if (error === null) resolve(response as Response<M>);
          else reject(this.#explain(error));
        },
      );
      this.#cancelWith(call);
    });
  }

  async *stream<M extends Streaming>(method: M, request: Request<M>): AsyncGenerator<Response<M>> {
    const { path: name, requestSerialize, responseDeserialize } = this.#method(method);
    const call = this.#client.makeServerStreamRequest(name, requestSerialize, responseDeserialize, request);
    yield* this.#responses<Response<M>>(call);
  }

  /** Writes as fast as the daemon reads. */
  async *receive(requests: AsyncIterable<Request<'receive'>>): AsyncGenerator<Response<'receive'>> {
    const { path: name, requestSerialize, responseDeserialize } = this.#method('receive');
    const call = this.#client.makeBidiStreamRequest(name, requestSerialize, responseDeserialize);
    const writing = write(call, requests).catch((error: unknown) => {
      // What cannot be read, not what cannot be written: of that the answer tells.
      call.cancel();
      return error;
    });
    try {
      yield* this.#responses<Response<'receive'>>(call);
    } catch (error) {
      throw (await Promise.race([writing, Promise.resolve(undefined)])) ?? error;
    }
  }

  async *#responses<T>(call: ClientReadableStream<unknown>): AsyncGenerator<T> {
    this.#cancelWith(call);
    try {
      for await (const response of call) yield response as T;
    } catch (error) {
      throw this.#explain(error);
    } finally {
      call.cancel();
    }
  }

  #method(method: keyof Methods) {
    const definition = serviceDefinition(LayerFsDefinition)[method];
    if (definition === undefined) throw new Error(`there is no method ${method}`);
    return definition;
  }

  #cancelWith(call: { cancel(): void }): void {
    const cancel = () => {
      call.cancel();
    };
    if (this.#signal.aborted) cancel();
    this.#signal.addEventListener('abort', cancel, { once: true });
  }

  /** What gRPC says, in words that tell how to go on. */
  #explain(error: unknown): Error {
    if (!(error instanceof Error) || !('code' in error) || !('details' in error)) return StatusError.from(error);
    const details = String(error.details);
    if (error.code === Code.Unavailable && !details.includes('worker')) return this.#unreachable(details, error);
    if (error.code === Code.Unimplemented) {
      return new StatusError(
        Code.Unimplemented,
        `the daemon at ${this.#socket} does not know this verb: restart it with the same version as this program`,
      );
    }
    return new StatusError(error.code as Code, details, { cause: error });
  }

  #unreachable(details: string, cause: Error): StatusError {
    const isAbsent = /ENOENT|ECONNREFUSED/.test(details);
    const why = isAbsent
      ? `no layerfs-snapshotter answers at ${this.#socket}: start it with \`systemctl start layerfs-snapshotter\`, or ` +
        '`layerfs-snapshotter &`, or tell where it listens with --socket or LAYERFS_SOCKET'
      : /EACCES|EPERM/.test(details)
        ? `${this.#socket} may not be used: run this as root`
        : `the connection to layerfs-snapshotter at ${this.#socket} broke: see its log, and try again (${details})`;
    return new StatusError(Code.Unavailable, why, { cause });
  }
}

async function write(call: ClientDuplexStream<unknown, unknown>, requests: AsyncIterable<unknown>): Promise<undefined> {
  const over = new AbortController();
  const ended = new Promise<void>((resolve) => {
    call.once('status', () => {
      over.abort();
      resolve();
    });
  });
  for await (const request of requests) {
    if (over.signal.aborted) return;
    if (call.write(request)) continue;
    await Promise.race([ended, new Promise<void>((resolve) => call.once('drain', resolve))]);
  }
  if (!over.signal.aborted) call.end();
}
