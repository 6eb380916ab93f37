import { rename, rm } from 'node:fs/promises';
import type { Server as Listener, Socket } from 'node:net';
import type { Logger } from '../../common/logger.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import type { HandlerTable } from '../ttrpc/call-context.ts';
import { Server } from '../ttrpc/server.ts';
import { ShimDefinition } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import { GrpcServices } from './grpc-services.ts';
import { createListener } from './listener.ts';
import { registerTaskServices } from './task-transport.ts';

export interface EndpointOptions {
  /** Whose calls come by this socket; undefined: the callers say. */
  readonly namespace: string | undefined;
  readonly handlers: ReadonlyMap<string, EncodedHandler>;
  /** Of the launcher's service. */
  readonly shim: HandlerTable;
  readonly logger: Logger;
}

/** One socket of the daemon, and all that is served on it. */
export class Endpoint {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #sockets = new Set<Socket>();

  constructor({ namespace, handlers, shim, logger }: EndpointOptions) {
    this.#server = new Server({ logger });
    registerTaskServices(this.#server, handlers, namespace);
    this.#server.register(ShimDefinition.fullName, shim);
    const grpc = new GrpcServices(handlers, namespace);
    this.#listener = createListener({
      ttrpc: (socket) => {
        this.#server.serveConnection(socket);
      },
      grpc: (socket) => {
        void grpc.serveConnection(socket).catch((error: unknown) => {
          logger.error({ err: error }, 'gRPC cannot be served');
          socket.destroy();
        });
      },
    });
    this.#listener.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** Serves a socket that listens already. */
  async serveDescriptor(fd: number): Promise<void> {
    await this.#listen({ fd });
  }

  /** Makes a socket, which can be seen only once it listens; one that a dead daemon left is replaced. */
  async servePath(path: string): Promise<void> {
    const temporary = path.replace(/\.sock$/, '.new');
    await rm(temporary, { force: true });
    await this.#listen({ path: temporary });
    await rename(temporary, path);
  }

  async #listen(options: { fd: number } | { path: string }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(options, resolve);
    });
  }

  /** Accepts nothing more, and waits for the answers under way. */
  async close(timeoutMs: number): Promise<void> {
    this.#listener.close();
    await this.#server.close({ timeoutMs });
    for (const socket of this.#sockets) socket.destroy();
  }
}
