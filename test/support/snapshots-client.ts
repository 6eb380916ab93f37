import { credentials, makeGenericClientConstructor, type Client } from '@grpc/grpc-js';
import {
  Kind,
  SnapshotsDefinition,
  type Info,
  type ListSnapshotsResponse,
} from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import type { Mount } from '../../proto/gen/containerd/types/mount.ts';
import { serviceDefinition } from '../../common/grpc-definition.ts';

export type { Info, Mount };
export { Kind };

export type Labels = Readonly<Record<string, string>>;
type Unary = (
  request: unknown,
  options: { deadline: number },
  done: (error: unknown, response: unknown) => void,
) => void;
type Streaming = (request: unknown) => AsyncIterable<ListSnapshotsResponse>;

const DEADLINE_MS = 120_000;
const Snapshots = makeGenericClientConstructor(serviceDefinition(SnapshotsDefinition), 'Snapshots');

/** What containerd calls a snapshotter by. Errors are grpc-js's: with `code` and `details`. */
export class SnapshotsClient {
  readonly #client: Client;

  constructor(socket: string) {
    this.#client = new Snapshots(`unix:${socket}`, credentials.createInsecure(), {
      // A daemon that comes back is to be found at once.
      'grpc.initial_reconnect_backoff_ms': 50,
      'grpc.max_reconnect_backoff_ms': 100,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  close(): void {
    this.#client.close();
  }

  async prepare(key: string, parent = '', labels: Labels = {}): Promise<readonly Mount[]> {
    return ((await this.#unary('prepare', { key, parent, labels })) as { mounts: Mount[] }).mounts;
  }

  async view(key: string, parent = '', labels: Labels = {}): Promise<readonly Mount[]> {
    return ((await this.#unary('view', { key, parent, labels })) as { mounts: Mount[] }).mounts;
  }

  async mounts(key: string): Promise<readonly Mount[]> {
    return ((await this.#unary('mounts', { key })) as { mounts: Mount[] }).mounts;
  }

  async commit(name: string, key: string, labels: Labels = {}): Promise<void> {
    await this.#unary('commit', { name, key, labels, parent: '' });
  }

  async remove(key: string): Promise<void> {
    await this.#unary('remove', { key });
  }

  async update(name: string, labels: Labels): Promise<void> {
    const info = { name, parent: '', kind: Kind.UNKNOWN, createdAt: undefined, updatedAt: undefined, labels };
    await this.#unary('update', { info, updateMask: undefined });
  }

  async stat(key: string): Promise<Info | undefined> {
    return ((await this.#unary('stat', { key })) as { info: Info | undefined }).info;
  }

  async usage(key: string): Promise<{ readonly size: bigint; readonly inodes: bigint }> {
    return (await this.#unary('usage', { key })) as { size: bigint; inodes: bigint };
  }

  async cleanup(): Promise<void> {
    await this.#unary('cleanup', {});
  }

  async list(): Promise<Info[]> {
    const call = (this.#client as unknown as { list: Streaming }).list({ snapshotter: '', filters: [] });
    const found: Info[] = [];
    for await (const { info } of call) found.push(...info);
    return found;
  }

  #unary(method: string, request: object): Promise<unknown> {
    const call = (this.#client as unknown as Record<string, Unary>)[method];
    return new Promise((resolve, reject) => {
      call?.call(
        this.#client,
        { snapshotter: '', ...request },
        { deadline: Date.now() + DEADLINE_MS },
        (error, response) => {
          if (error === null) resolve(response);
          else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
        },
      );
    });
  }
}

/** gRPC's code of a failed call; 0 of one that succeeded. */
export async function codeOf(call: Promise<unknown>): Promise<number> {
  try {
    await call;
    return 0;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'number') return error.code;
    throw error;
  }
}
