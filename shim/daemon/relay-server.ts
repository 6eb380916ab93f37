import { createServer, type Server as Listener, type Socket } from 'node:net';
import type { Logger } from '../../common/logger.ts';
import { ShimDefinition } from '../../proto/gen/proxmox/lxcri/v1/shim.ts';
import type { EncodedHandler } from '../task/task-service.ts';
import type { HandlerTable } from '../ttrpc/call-context.ts';
import { Server } from '../ttrpc/server.ts';
import { GrpcServices } from './grpc-services.ts';
import { receiveConnection, type Introduction } from './relayed-connection.ts';
import { isWaiting, registerTaskServices } from './task-transport.ts';

export interface RelayServerOptions {
  readonly handlers: ReadonlyMap<string, EncodedHandler>;
  /** Of the launcher's service. */
  readonly shim: HandlerTable;
  /** The keeper's identity. */
  readonly keeper: string;
  readonly logger: Logger;
}

/** What is served to the clients of one namespace. */
interface NamespaceServices {
  readonly ttrpc: Server;
  readonly grpc: GrpcServices;
}

/** Serves the connections of clients, which the keeper relays to the one socket that it made for this daemon. */
export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #listener: Listener;
  readonly #sockets = new Set<Socket>();
  readonly #rawSockets = new Set<Socket>();
  readonly #namespaces = new Map<string, NamespaceServices>();

  constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#listener = createServer((socket) => {
      keepWhileOpen(this.#sockets, socket);
      receiveConnection(socket, {
        ttrpc: (connection, introduction) => {
          this.#serveTtrpc(connection, introduction);
        },
        grpc: (connection, introduction) => {
          void this.#serveGrpc(connection, introduction);
        },
      });
    });
  }

  /** Serves a socket that listens already. */
  async listen(fd: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen({ fd }, resolve);
    });
  }

  /** How many requests of ttrpc have been read, repeated ones included. */
  get requestsRead(): number {
    return this.#servers.reduce((sum, server) => sum + server.requestsRead, 0);
  }

  /** A call is under way that does more than to wait, or a connection is open that would end with this daemon. */
  get isBusy(): boolean {
    if (this.#rawSockets.size > 0) return true;
    return this.#servers.some((server) => server.runningCalls.some((call) => !isWaiting(call)));
  }

  /** Starts no more calls, and waits for the answers under way; what only waits is left to the next daemon. */
  async close(timeoutMs: number): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#servers.map((server) => server.close({ timeoutMs, mayAbandon: isWaiting })));
    for (const socket of this.#sockets) socket.destroy();
  }

  get #servers(): readonly Server[] {
    return [...this.#namespaces.values()].map(({ ttrpc }) => ttrpc);
  }

  #serveTtrpc(socket: Socket, { namespace, connection, lastStreamId }: Introduction): void {
    this.#services(namespace).ttrpc.serveConnection(socket, { name: connection, lastStreamId });
  }

  async #serveGrpc(socket: Socket, { namespace }: Introduction): Promise<void> {
    keepWhileOpen(this.#rawSockets, socket);
    try {
      await this.#services(namespace).grpc.serveConnection(socket);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'gRPC cannot be served');
      socket.destroy();
    }
  }

  #services(namespace: string): NamespaceServices {
    const found = this.#namespaces.get(namespace);
    if (found !== undefined) return found;
    const { handlers, shim, keeper, logger } = this.#options;
    const ttrpc = new Server({ logger });
    registerTaskServices(ttrpc, handlers, namespace, keeper);
    ttrpc.register(ShimDefinition.fullName, shim);
    const services = { ttrpc, grpc: new GrpcServices(handlers, namespace) };
    this.#namespaces.set(namespace, services);
    return services;
  }
}

function keepWhileOpen(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}
