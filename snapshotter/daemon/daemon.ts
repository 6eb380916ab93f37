import path from 'node:path';
import { failedPrecondition } from '../../common/errors.ts';
import type { Logger } from '../../common/logger.ts';
import { LayerFs } from '../layerfs/layerfs.ts';
import { OverlayStore } from '../stores/overlay/overlay-store.ts';
import type { Store } from '../stores/store.ts';
import { Worker } from '../stores/worker.ts';
import { ZfsStore } from '../stores/zfs/zfs-store.ts';
import { chooseStore, rememberStore, type Choice } from './choose-store.ts';
import type { Settings } from './command-line.ts';
import { Front, type Opened } from './front.ts';
import { ownDirectory } from './own-directory.ts';

export interface DaemonOptions {
  readonly settings: Settings;
  /** The program layerfs-worker. */
  readonly worker: string;
  readonly version: string;
  readonly logger: Logger;
}

/** The snapshotter: one for each root directory. */
export class Daemon {
  readonly #layerFs: LayerFs;
  readonly #front: Front;
  readonly #logger: Logger;

  private constructor(layerFs: LayerFs, front: Front, logger: Logger) {
    this.#layerFs = layerFs;
    this.#front = front;
    this.#logger = logger;
  }

  /**
   * Listens first: containerd gives a connection up that is not answered within a second, and to read a large pool takes
   * longer. Calls wait until that is done; if it fails, they are told why.
   * @throws StatusError
   */
  static async start({ settings: given, worker: program, version, logger }: DaemonOptions): Promise<Daemon> {
    const settings = { ...given, root: await ownDirectory(given.root, '--root') };
    const { root, socket, defaultSize } = settings;
    const worker = new Worker({ program, lock: path.join(root, 'lock'), logger });
    await waitForLock(worker, root, logger);
    // What a wrong socket ends must not have made a store.
    let begin = (): void => undefined;
    const opening = new Promise<void>((resolve) => (begin = resolve)).then(open);
    const front = await Front.listen(socket, opening, logger).catch(async (error: unknown) => {
      await worker.close();
      throw error;
    });
    begin();
    try {
      const { layerFs, origin } = await opening;
      const { kind, location } = layerFs.store;
      logger.info({ store: kind, location, why: origin.why, layers: layerFs.graph.size }, 'the snapshotter serves');
      return new Daemon(layerFs, front, logger);
    } catch (error) {
      await front.close();
      await worker.close();
      throw error;
    }

    async function open(): Promise<Opened> {
      const choice = await chooseStore(settings);
      const store = await openStore(choice, settings, worker, logger);
      await rememberStore(root, choice);
      const layerFs = await LayerFs.open(store, { logger, defaultMaxBytes: defaultSize });
      return { layerFs, origin: { version, why: choice.why } };
    }
  }

  /** Ends once the calls under way have their answers. Layers stay mounted. */
  async stop(why: string): Promise<void> {
    await this.#front.close();
    await this.#layerFs.close();
    this.#logger.info({ why }, 'the snapshotter ends');
  }
}

const SILENT_MS = 1000;

/** The worker's first answer means that no other daemon, nor what is left of one, changes anything here. */
async function waitForLock(worker: Worker, root: string, logger: Logger): Promise<void> {
  const waiting = setTimeout(() => {
    logger.info({ root }, 'waiting for another layerfs-snapshotter in this directory to end, for 30 seconds at most');
  }, SILENT_MS);
  try {
    await worker.request('statfs', root);
  } finally {
    clearTimeout(waiting);
  }
}

async function openStore(
  { kind, dataset, isKnown = false }: Choice,
  { root, defaultSize }: Settings,
  worker: Worker,
  logger: Logger,
): Promise<Store> {
  if (kind === 'zfs' && dataset !== undefined) return ZfsStore.open({ dataset, root, worker, isNew: !isKnown });
  if (defaultSize !== undefined) {
    throw failedPrecondition(
      '--default-size: the overlay store cannot limit what a container writes: leave it out, or use a ZFS pool',
    );
  }
  return OverlayStore.open({ root, worker, logger });
}
