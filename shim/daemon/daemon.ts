import { makePassableDirectory } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import { readHugePageSizes } from '../cgroups/huge-page-sizes.ts';
import { readCgroupHierarchies } from '../cgroups/hierarchies.ts';
import { LxcBackend } from '../backends/lxc/lxc-backend.ts';
import { forgetEarlierBoot } from '../task/boot.ts';
import { ContainerRegistry } from '../task/container-registry.ts';
import { recover } from '../task/recovery.ts';
import { TaskService, taskHandlers } from '../task/task-service.ts';
import { CgroupWarmUp } from './cgroup-warm-up.ts';
import type { KeeperIdentity } from './keeper-identity.ts';
import type { KeeperLink } from './keeper-link.ts';
import type { RunPaths } from './paths.ts';
import { RelayServer } from './relay-server.ts';
import { shimHandlers } from './shim-service.ts';
import { Sleep, type Sleeper, type SleepTimes } from './sleep.ts';

/** Where the keeper relays the connections of clients to. */
const RELAY_FD = 3;

/** How long calls under way may keep an ending daemon. */
const CLOSE_TIMEOUT_MS = 1000;

/** How long monitors have to let a daemon go to sleep. */
const LET_GO_TIMEOUT_MS = 5000;

export interface DaemonOptions {
  readonly paths: RunPaths;
  readonly keeper: KeeperIdentity;
  readonly link: KeeperLink;
  readonly times: SleepTimes;
  readonly logger: Logger;
}

/** The shim daemon: all containers of a run directory, until the keeper needs it no more or has another one. */
export class Daemon implements Sleeper {
  readonly #options: DaemonOptions;
  readonly #registry: ContainerRegistry;
  readonly #relay: RelayServer;
  readonly #sleep: Sleep;
  readonly #warmUp: CgroupWarmUp | undefined;

  private constructor(options: DaemonOptions, registry: ContainerRegistry, warmUp: CgroupWarmUp | undefined) {
    const { keeper, times, logger } = options;
    this.#options = options;
    this.#registry = registry;
    this.#warmUp = warmUp;
    this.#relay = new RelayServer({
      handlers: taskHandlers(new TaskService(registry)),
      shim: shimHandlers(registry, keeper.text),
      keeper: keeper.text,
      logger,
    });
    this.#sleep = new Sleep(this, times, logger);
  }

  /** Takes over what earlier daemons left, then serves. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const { paths, keeper, link, logger } = options;
    const [hierarchies, hugePageSizes] = await Promise.all([readCgroupHierarchies(), readHugePageSizes()]);
    const { libraryDirectory, rootfsMount } = paths;
    await makePassableDirectory(rootfsMount);
    const { hostNetwork } = keeper;
    const backend = new LxcBackend({ libraryDirectory, rootfsMount, hierarchies, hugePageSizes, hostNetwork });
    const registry = new ContainerRegistry({ paths, backend, logger, hostNetwork, courier: link });
    await forgetEarlierBoot(paths, logger);
    await recover(registry, paths, logger);
    const daemon = new Daemon(options, registry, await CgroupWarmUp.find(hierarchies));
    await daemon.#relay.listen(RELAY_FD);
    link.ready();
    // Whoever wakes a daemon that has none is about to create one.
    if (registry.size === 0) registry.prepare();
    daemon.#sleep.watch();
    logger.info({ build: paths.build, containers: registry.size }, 'the shim daemon serves');
    return daemon;
  }

  /** A Create is about to come. */
  announced(): void {
    this.#registry.prepare();
    void this.#warmUp?.run();
  }

  /** Ends the daemon; containers go on, and the next daemon takes them over. */
  async stop(why: string): Promise<void> {
    this.#sleep.stop();
    await this.#relay.close(CLOSE_TIMEOUT_MS);
    await this.#end(why);
  }

  get activity(): number {
    return this.#relay.requestsRead + this.#options.link.activity;
  }

  get isBusy(): boolean {
    return this.#relay.isBusy || this.#registry.isBusy;
  }

  get containers(): number {
    return this.#registry.size;
  }

  letGo(): Promise<boolean> {
    return this.#registry.letGo(LET_GO_TIMEOUT_MS);
  }

  takeUp(): Promise<void> {
    return this.#registry.takeUp();
  }

  mayEnd(): Promise<boolean> {
    return this.#options.link.maySleep(this.#relay.requestsRead, this.#registry.size);
  }

  end(): void {
    void this.#end('asleep');
  }

  async #end(why: string): Promise<void> {
    const { logger } = this.#options;
    await this.#registry.close().catch(() => undefined);
    logger.info({ why, containers: this.#registry.size }, 'the shim daemon ends');
    logger.flush(() => process.exit(0));
  }
}
