import { Kind, SnapshotsDefinition, type Info } from '../../proto/gen/containerd/services/snapshots/v1/snapshots.ts';
import type { Mount } from '../../proto/gen/containerd/types/mount.ts';
import { GrpcClient } from './grpc-client.ts';

export type { Info, Mount };
export { Kind };

/** The daemon has but one. */
const snapshotter = '';

export type Labels = Readonly<Record<string, string>>;

/** What containerd calls a snapshotter by. Errors are grpc-js's: with `code` and `details`. */
export class SnapshotsClient {
  readonly #client: GrpcClient<typeof SnapshotsDefinition>;

  constructor(socket: string) {
    this.#client = new GrpcClient(SnapshotsDefinition, socket);
  }

  close(): void {
    this.#client.close();
  }

  async prepare(key: string, parent = '', labels: Labels = {}): Promise<readonly Mount[]> {
    return (await this.#client.call('prepare', { snapshotter, key, parent, labels })).mounts;
  }

  async view(key: string, parent = '', labels: Labels = {}): Promise<readonly Mount[]> {
    return (await this.#client.call('view', { snapshotter, key, parent, labels })).mounts;
  }

  async mounts(key: string): Promise<readonly Mount[]> {
    return (await this.#client.call('mounts', { snapshotter, key })).mounts;
  }

  async commit(name: string, key: string, labels: Labels = {}): Promise<void> {
    await this.#client.call('commit', { snapshotter, name, key, labels, parent: '' });
  }

  async remove(key: string): Promise<void> {
    await this.#client.call('remove', { snapshotter, key });
  }

  async update(name: string, labels: Labels): Promise<void> {
    const info = { name, parent: '', kind: Kind.UNKNOWN, createdAt: undefined, updatedAt: undefined, labels };
    await this.#client.call('update', { snapshotter, info, updateMask: undefined });
  }

  async stat(key: string): Promise<Info | undefined> {
    return (await this.#client.call('stat', { snapshotter, key })).info;
  }

  async usage(key: string): Promise<{ readonly size: bigint; readonly inodes: bigint }> {
    return this.#client.call('usage', { snapshotter, key });
  }

  async cleanup(): Promise<void> {
    await this.#client.call('cleanup', { snapshotter });
  }

  async list(): Promise<Info[]> {
    const found: Info[] = [];
    for await (const { info } of this.#client.stream('list', { snapshotter, filters: [] })) found.push(...info);
    return found;
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
