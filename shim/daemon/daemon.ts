import { rename } from 'node:fs/promises';
import type { Server as Listener } from 'node:net';
import type { Logger } from '../../common/logger.ts';
import { readCgroupHierarchies } from '../backends/cgroup-hierarchies.ts';
import { LxcBackend } from '../backends/lxc/lxc-backend.ts';
import { ContainerRegistry } from '../task/container-registry.ts';
import { recoverContainers, recoverJournals } from '../task/recovery.ts';
import { TaskService, taskHandlers } from '../task/task-service.ts';
import { Server } from '../ttrpc/server.ts';
import { GrpcServices } from './grpc-services.ts';
import { IdleExit } from './idle-exit.ts';
import { createListener, listenOn } from './listener.ts';
import { leaveOwnCgroups } from './own-cgroups.ts';
import type { RunPaths } from './paths.ts';
import { registerTtrpcServices } from './ttrpc-services.ts';

/** Descriptors that the launcher passes (shim/native/launcher/daemon-spawn.h). The lock's, 4, is only to be held. */
const LISTENING_FD = 3;

export interface DaemonOptions {
  readonly paths: RunPaths;
  readonly lingerMs: number;
  /** Directories, separated by colons. */
  readonly ownCgroups: string;
  readonly logger: Logger;
}

/** The shim daemon: one for all containers of this host and build. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #registry: ContainerRegistry;
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #idle: IdleExit;
  #connections = 0;

  private constructor(options: DaemonOptions, registry: ContainerRegistry) {
    const { paths, lingerMs, logger } = options;
    this.#options = options;
    this.#registry = registry;
    this.#server = new Server({ logger });
    const handlers = taskHandlers(new TaskService(registry));
    registerTtrpcServices(this.#server, handlers, registry);
    const grpc = new GrpcServices(handlers);
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
      this.#connections += 1;
      socket.once('close', () => (this.#connections -= 1));
    });
    this.#idle = new IdleExit(
      paths,
      lingerMs,
      () => registry.size === 0 && this.#connections === 0,
      () => this.#end('idle'),
    );
  }

  /** Takes over what earlier daemons left, then serves. Connections made meanwhile wait in the socket's backlog. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths, logger } = options;
    const hierarchies = await readCgroupHierarchies();
    const backend = new LxcBackend({ libraryDirectory: paths.libraryDirectory, hierarchies });
    const registry = new ContainerRegistry({ paths, backend, logger });
    await recoverContainers(registry, paths, logger);
    const daemon = new Daemon(options, registry);
    // A launcher that was killed in the middle leaves the socket under its first name.
    await rename(paths.socketNew, paths.socket).catch(() => undefined);
    await listenOn(daemon.#listener, LISTENING_FD);
    await recoverJournals(registry, paths, logger);
    daemon.#idle.watch();
    logger.info({ build: paths.build, containers: registry.size }, 'the shim daemon serves');
    return daemon;
  }

  /** Ends the daemon; containers go on, and the next daemon takes them over. */
  async stop(signal: string): Promise<void> {
    this.#idle.stop();
    await this.#end(signal);
  }

  async #end(why: string): Promise<void> {
    const { logger, ownCgroups } = this.#options;
    this.#listener.close();
    await this.#server.close({ timeoutMs: 1000 });
    this.#registry.close();
    await leaveOwnCgroups(ownCgroups);
    logger.info({ why, containers: this.#registry.size }, 'the shim daemon ends');
    logger.flush(() => process.exit(0));
  }
}
