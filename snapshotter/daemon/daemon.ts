import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:net';
import path from 'node:path';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import { SnapshotsDefinition } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import { LayerFsDefinition } from '../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { serviceDefinition } from '../../common/grpc-definition.ts';
import type { Logger } from '../../common/logger.ts';
import { LayerFs } from '../layerfs/layerfs.ts';
import { implementation } from '../service/grpc-handlers.ts';
import { layerFsHandlers } from '../service/layerfs/layerfs-service.ts';
import type { Origin } from '../service/layerfs/show-handlers.ts';
import { snapshotsHandlers } from '../service/snapshots-service.ts';
import { OverlayStore } from '../stores/overlay/overlay-store.ts';
import type { Store } from '../stores/store.ts';
import { Worker } from '../stores/worker.ts';
import { ZfsStore } from '../stores/zfs/zfs-store.ts';
import { chooseStore, rememberStore, type Choice } from './choose-store.ts';
import type { Settings } from './command-line.ts';
import { listen } from './listening-socket.ts';

/** How long calls under way may keep an ending daemon. */
const CLOSE_TIMEOUT_MS = 5000;

/** As much as containerd sends and takes: defaults.DefaultMaxRecvMsgSize. */
const MAX_MESSAGE_BYTES = 16 << 20;

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
  readonly #grpc: GrpcServer;
  readonly #listener: Server;
  readonly #logger: Logger;

  private constructor(layerFs: LayerFs, grpc: GrpcServer, listener: Server, logger: Logger) {
    this.#layerFs = layerFs;
    this.#grpc = grpc;
    this.#listener = listener;
    this.#logger = logger;
  }

  /** Connections that systemd's socket took meanwhile wait in its backlog. @throws StatusError */
  static async start({ settings, worker: program, version, logger }: DaemonOptions): Promise<Daemon> {
    const { root, socket, defaultSize } = settings;
    await mkdir(root, { recursive: true, mode: 0o700 });
    const worker = new Worker({ program, lock: path.join(root, 'lock'), logger });
    // Its first answer means that no other daemon, nor what is left of one, changes anything here.
    await worker.request('sync', root);
    const choice = await chooseStore(settings);
    const store = await openStore(choice, root, worker, logger);
    await rememberStore(root, choice);
    const layerFs = await LayerFs.open(store, { logger, defaultMaxBytes: defaultSize });
    const grpc = createGrpcServer(layerFs, { version, why: choice.why }, logger);
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const listener = await listen(socket, (connection) => {
      injector.injectConnection(connection);
    });
    const { kind, location } = store;
    logger.info({ store: kind, location, why: choice.why, layers: layerFs.graph.size }, 'the snapshotter serves');
    return new Daemon(layerFs, grpc, listener, logger);
  }

  /** Ends once the calls under way have their answers. Layers stay mounted. */
  async stop(why: string): Promise<void> {
    this.#listener.close();
    await new Promise<void>((resolve) => {
      const force = setTimeout(() => {
        this.#grpc.forceShutdown();
        resolve();
      }, CLOSE_TIMEOUT_MS);
      this.#grpc.tryShutdown(() => {
        clearTimeout(force);
        resolve();
      });
    });
    await this.#layerFs.close();
    this.#logger.info({ why }, 'the snapshotter ends');
  }
}

async function openStore({ kind, dataset }: Choice, root: string, worker: Worker, logger: Logger): Promise<Store> {
  if (kind === 'zfs' && dataset !== undefined) return ZfsStore.open({ dataset, root, worker });
  return OverlayStore.open({ root, worker, logger });
}

function createGrpcServer(layerFs: LayerFs, origin: Origin, logger: Logger): GrpcServer {
  const server = new GrpcServer({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  });
  const snapshots = snapshotsHandlers(layerFs);
  server.addService(serviceDefinition(SnapshotsDefinition), implementation(SnapshotsDefinition, snapshots, logger));
  const verbs = layerFsHandlers(layerFs, origin);
  server.addService(serviceDefinition(LayerFsDefinition), implementation(LayerFsDefinition, verbs, logger));
  return server;
}
