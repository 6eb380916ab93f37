import type { Server as Listener, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { SnapshotsDefinition } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import { LayerFsDefinition } from '../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { serviceDefinition } from '../../common/grpc-definition.ts';
import type { Logger } from '../../common/logger.ts';
import type { LayerFs } from '../layerfs/layerfs.ts';
import { implementation } from '../service/grpc-handlers.ts';
import { layerFsHandlers } from '../service/layerfs/layerfs-service.ts';
import type { Origin } from '../service/layerfs/show-handlers.ts';
import { snapshotsHandlers } from '../service/snapshots-service.ts';
import { listen } from './listening-socket.ts';

/** How long calls under way may keep an ending daemon. */
const CLOSE_TIMEOUT_MS = 5000;
/** For clients to be told that their calls are cut off. */
const CANCEL_MS = 200;

type Injector = ReturnType<Server['createConnectionInjector']>;

/** As much as containerd sends and takes: defaults.DefaultMaxRecvMsgSize. */
const MAX_MESSAGE_BYTES = 16 << 20;

export interface Opened {
  readonly layerFs: LayerFs;
  readonly origin: Origin;
}

/** The daemon's socket with its services. */
export class Front {
  readonly #server: Server;
  readonly #listener: Listener;
  readonly #injector: Injector;
  readonly #connections: ReadonlySet<Socket>;

  private constructor(server: Server, listener: Listener, injector: Injector, connections: ReadonlySet<Socket>) {
    this.#server = server;
    this.#listener = listener;
    this.#injector = injector;
    this.#connections = connections;
  }

  /** Takes calls at once; they are answered once `opening` is through, with its error if it fails. */
  static async listen(socket: string, opening: Promise<Opened>, logger: Logger): Promise<Front> {
    const server = new Server({
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      // Nobody reads its statistics, and they take a fifth of a Stat.
      'grpc.enable_channelz': 0,
    });
    const snapshots = opening.then(({ layerFs }) => snapshotsHandlers(layerFs));
    const verbs = opening.then(({ layerFs, origin }) => layerFsHandlers(layerFs, origin));
    // Whoever opens is told of a failure, too.
    for (const handlers of [snapshots, verbs]) handlers.catch(() => undefined);
    server.addService(serviceDefinition(SnapshotsDefinition), implementation(SnapshotsDefinition, snapshots, logger));
    server.addService(serviceDefinition(LayerFsDefinition), implementation(LayerFsDefinition, verbs, logger));
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const connections = new Set<Socket>();
    const listener = await listen(socket, (connection) => {
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
      injector.injectConnection(connection);
    });
    return new Front(server, listener, injector, connections);
  }

  /** Ends once the calls under way have their answers. */
  async close(): Promise<void> {
    this.#listener.close();
    // Not tryShutdown: it does not wait for connections that were injected.
    this.#injector.drain(CLOSE_TIMEOUT_MS);
    const closed = [...this.#connections].map(
      (connection) => new Promise((resolve) => connection.once('close', resolve)),
    );
    await Promise.race([Promise.all(closed), sleep(CLOSE_TIMEOUT_MS + CANCEL_MS)]);
    this.#server.forceShutdown();
  }
}
