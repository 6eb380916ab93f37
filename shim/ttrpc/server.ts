import type { Server as Listener, Socket } from 'node:net';
import { Code, StatusError } from '../../common/errors.ts';
import type { HandlerTable, UnaryHandler } from './call-context.ts';
import { ServerConnection, type ConnectionOwner, type RunningCall } from './connection.ts';
import { silentLogger, type Logger } from './logger.ts';

export type { CallContext, ConnectionIdentity, HandlerTable, UnaryHandler } from './call-context.ts';
export type { RunningCall } from './connection.ts';

export interface ServerOptions {
  logger?: Logger;
}

export interface CloseOptions {
  /** How long running calls may take to finish, in milliseconds; what is left then is cut off. Without it: for ever. */
  timeoutMs?: number;
  /** Calls that are not waited for: their clients get the answer from somebody else. */
  mayAbandon?: (call: RunningCall) => boolean;
}

export interface ConnectionOptions {
  /** What handlers see as the connection's name. */
  name?: string;
  /** The highest stream id that the client has used already, with somebody who served it before: 0 is none. */
  lastStreamId?: number;
}

/** A ttrpc server for unary calls, on any number of listeners and connections. */
export class Server {
  readonly #logger: Logger;
  readonly #services = new Map<string, Map<string, UnaryHandler>>();
  readonly #connections = new Set<ServerConnection>();
  readonly #listeners = new Set<Listener>();
  readonly #owner: ConnectionOwner;
  #lastConnectionId = 0;
  #requestsRead = 0;
  #closing = false;
  /** Resolves close() once the last connection is gone. */
  #allClosed: (() => void) | undefined;

  constructor(options: ServerOptions = {}) {
    this.#logger = options.logger ?? silentLogger;
    this.#owner = {
      logger: this.#logger,
      resolve: (service, method) => this.#resolve(service, method),
      requestRead: () => {
        this.#requestsRead += 1;
      },
      connectionClosed: (connection) => {
        this.#connections.delete(connection);
        if (this.#connections.size === 0) this.#allClosed?.();
      },
    };
  }

  /**
   * Adds a service under its full name, such as `containerd.task.v2.Task`, with its handlers by their methods' names.
   * @throws Error if the service is registered already.
   */
  register(service: string, handlers: HandlerTable): void {
    if (this.#services.has(service)) throw new Error(`ttrpc: service ${service} is registered twice`);
    this.#services.set(service, new Map(Object.entries(handlers)));
  }

  /** Serves every connection that `listener` accepts, and closes it in close(). Its errors are its owner's to handle. */
  serve(listener: Listener): void {
    this.#listeners.add(listener);
    listener.on('connection', (socket) => {
      this.serveConnection(socket);
    });
  }

  /**
   * Serves a connection that somebody else accepted. Bytes already read from it must have been `unshift`ed. From here on
   * the socket belongs to the server; while the server closes, it is closed at once.
   */
  serveConnection(socket: Socket, options: ConnectionOptions = {}): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const identity = { id: ++this.#lastConnectionId, name: options.name };
    const connection = new ServerConnection(identity, socket, this.#owner, options.lastStreamId);
    this.#connections.add(connection);
    connection.start();
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Request frames of all connections, now and before, whatever has become of them. */
  get requestsRead(): number {
    return this.#requestsRead;
  }

  /** Calls of all connections that still owe an answer. */
  get activeCalls(): number {
    return this.runningCalls.length;
  }

  get runningCalls(): readonly RunningCall[] {
    return [...this.#connections].flatMap((connection) => connection.runningCalls);
  }

  /**
   * Accepts nothing more, lets running calls finish, flushes their replies and closes their connections. Requests that
   * come meanwhile are neither started nor answered. Resolves when every connection is closed.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    this.#stopListening();
    const timer =
      options.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.destroy();
          }, options.timeoutMs);
    const closed = new Promise<void>((resolve) => {
      const previous = this.#allClosed;
      this.#allClosed = () => {
        previous?.();
        resolve();
      };
    });
    for (const connection of [...this.#connections]) connection.drain(options.mayAbandon);
    if (this.#connections.size > 0) await closed;
    clearTimeout(timer);
  }

  /** Closes listeners and connections at once. Running handlers see their signals aborted; their answers are lost. */
  destroy(): void {
    this.#stopListening();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  #stopListening(): void {
    this.#closing = true;
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }

  #resolve(service: string, method: string): UnaryHandler {
    const methods = this.#services.get(service);
    // Go's words; containerd falls back from task v3 to v2 on this code.
    if (methods === undefined) throw new StatusError(Code.Unimplemented, `service ${service}`);
    const handler = methods.get(method);
    if (handler === undefined) throw new StatusError(Code.Unimplemented, `method ${method}`);
    return handler;
  }
}
