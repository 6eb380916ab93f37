import { rename } from 'node:fs/promises';
import { makePassableDirectory } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import { readHugePageSizes } from '../cgroups/huge-page-sizes.ts';
import { readCgroupHierarchies, type CgroupHierarchy } from '../cgroups/hierarchies.ts';
import { LxcBackend } from '../backends/lxc/lxc-backend.ts';
import { forgetEarlierBoot } from '../task/boot.ts';
import { ContainerRegistry } from '../task/container-registry.ts';
import { recoverContainers, recoverJournals } from '../task/recovery.ts';
import { TaskService, taskHandlers } from '../task/task-service.ts';
import { CgroupWarmUp } from './cgroup-warm-up.ts';
import { Endpoints } from './endpoints.ts';
import { IdleExit } from './idle-exit.ts';
import { leaveOwnCgroups } from './own-cgroups.ts';
import type { RunPaths } from './paths.ts';
import { shimHandlers } from './shim-service.ts';

/** Descriptors that the launcher passes (shim/native/launcher/daemon-spawn.h). The lock's, 4, is only to be held. */
const LISTENING_FD = 3;
const HOST_NETWORK_FD = 5;

/** How long answers under way may keep an ending daemon. */
const CLOSE_TIMEOUT_MS = 1000;

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
  readonly #hierarchies: readonly CgroupHierarchy[];
  readonly #endpoints: Endpoints;
  readonly #idle: IdleExit;
  #warmUp: CgroupWarmUp | undefined;

  private constructor(options: DaemonOptions, registry: ContainerRegistry, hierarchies: readonly CgroupHierarchy[]) {
    const { paths, lingerMs, logger } = options;
    this.#options = options;
    this.#hierarchies = hierarchies;
    this.#registry = registry;
    this.#endpoints = new Endpoints(paths, {
      handlers: taskHandlers(new TaskService(registry)),
      shim: (listen) => shimHandlers(registry, listen),
      logger,
    });
    this.#idle = new IdleExit(paths, lingerMs, {
      isIdle: () => registry.size === 0 && this.#endpoints.connections === 0,
      leave: async () => {
        await this.#endpoints.unlinkNamespaces();
      },
      end: () => this.#end('idle'),
    });
  }

  /** Takes over what earlier daemons left, then serves. Connections made meanwhile wait in the socket's backlog. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths, logger } = options;
    const [hierarchies, hugePageSizes] = await Promise.all([readCgroupHierarchies(), readHugePageSizes()]);
    const { libraryDirectory, rootfsMount } = paths;
    await makePassableDirectory(rootfsMount);
    const hostNetwork = `/proc/${process.pid}/fd/${HOST_NETWORK_FD}`;
    const backend = new LxcBackend({ libraryDirectory, rootfsMount, hierarchies, hugePageSizes, hostNetwork });
    const registry = new ContainerRegistry({ paths, backend, logger, hostNetwork });
    await forgetEarlierBoot(paths, logger);
    await recoverContainers(registry, paths, logger);
    const daemon = new Daemon(options, registry, hierarchies);
    await daemon.#serve();
    await recoverJournals(registry, paths, logger);
    daemon.#idle.watch();
    logger.info({ build: paths.build, containers: registry.size }, 'the shim daemon serves');
    return daemon;
  }

  async #serve(): Promise<void> {
    const { paths } = this.#options;
    this.#warmUp = await CgroupWarmUp.start(paths.lock, this.#hierarchies);
    await Promise.all(this.#registry.namespaces.map((namespace) => this.#endpoints.listen(namespace)));
    // A launcher that was killed in the middle leaves the socket under its first name.
    await rename(paths.socketNew, paths.socket).catch(() => undefined);
    await this.#endpoints.serveDescriptor(LISTENING_FD);
  }

  /** Ends the daemon; containers go on, and the next daemon takes them over. */
  async stop(signal: string): Promise<void> {
    this.#idle.stop();
    await this.#end(signal);
  }

  async #end(why: string): Promise<void> {
    const { logger, ownCgroups } = this.#options;
    await this.#endpoints.close(CLOSE_TIMEOUT_MS);
    this.#registry.close();
    this.#warmUp?.close();
    if (this.#registry.size === 0) await leaveOwnCgroups(ownCgroups, this.#hierarchies);
    logger.info({ why, containers: this.#registry.size }, 'the shim daemon ends');
    logger.flush(() => process.exit(0));
  }
}
