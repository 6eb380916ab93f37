import { failedPrecondition, invalidArgument, notFound } from '../../../common/errors.ts';
import { readLines } from '../../../common/lines.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { FileSystemSnapshots, SnapshotInfo } from '../store.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';
import { encodeRecord, RECORD_PROPERTY } from './record.ts';
import { cloneSnapshot, datasetPart, isReserved, isTemporary, snapshotPart } from './snapshot-names.ts';
import { zfsCommand } from './zfs-command.ts';

export interface ZfsSnapshotsOptions {
  readonly names: DatasetNames;
  readonly pool: Pool;
  /** Writes out what only a mapped page of a layer holds yet. */
  readonly sync: (layer: Layer) => Promise<void>;
}

const NS_PER_S = 1_000_000_000n;
/** zfs(8), and short enough to leave room for the dataset. */
const NAME = /^[A-Za-z0-9][\w.:-]{0,63}$/;

/** Snapshots of a container's file system, besides the one that makes a layer a committed one. */
export class ZfsSnapshots implements FileSystemSnapshots {
  readonly #names: DatasetNames;
  readonly #pool: Pool;
  readonly #sync: ZfsSnapshotsOptions['sync'];

  constructor({ names, pool, sync }: ZfsSnapshotsOptions) {
    this.#names = names;
    this.#pool = pool;
    this.#sync = sync;
  }

  async list({ id }: Layer): Promise<SnapshotInfo[]> {
    const columns = 'name,creation,used,clones';
    const args = ['list', '-Hp', '-t', 'snapshot', '-d', '1', '-s', 'createtxg', '-o', columns];
    const lines = readLines(await this.#zfs(...args, this.#names.dataset(id)));
    return lines.flatMap((line) => {
      const [name = '', creation = '0', used = '0', clones = ''] = line.split('\t');
      if (isReserved(snapshotPart(name))) return [];
      const ids = clones.split(',').flatMap((clone) => this.#names.id(clone) ?? []);
      const createdAt = BigInt(creation) * NS_PER_S;
      return { name: snapshotPart(name), createdAt, bytes: BigInt(used), clones: ids };
    });
  }

  async create(layer: Layer, snapshot: string): Promise<void> {
    checkName(snapshot);
    await this.#sync(layer);
    await this.#zfs('snapshot', this.#full(layer, snapshot));
  }

  async delete(layer: Layer, snapshot: string): Promise<void> {
    await this.#find(layer, snapshot);
    await this.#zfs('destroy', this.#full(layer, snapshot));
  }

  async rollback(layer: Layer, snapshot: string): Promise<void> {
    await this.#find(layer, snapshot);
    await this.#zfs('rollback', '-r', this.#full(layer, snapshot));
  }

  /** A snapshot made for the clone alone goes with it: `destroy -d` is kept in mind by the pool. */
  async clone(layer: Layer, snapshot: string | undefined, target: Layer): Promise<void> {
    if (snapshot !== undefined) await this.#find(layer, snapshot);
    else await this.#sync(layer);
    const origin = this.#full(layer, snapshot ?? cloneSnapshot(target.id));
    if (snapshot === undefined) await this.#zfs('snapshot', origin);
    // The limit is the layer's, which a clone has to itself.
    const limit = BigInt(await this.#zfs('get', '-Hp', '-o', 'value', 'refquota', this.#names.dataset(layer.id)));
    const properties = new Map<string, string | bigint>(encodeRecord(RECORD_PROPERTY, target));
    if (limit > 0n) properties.set('refquota', limit);
    await this.#pool.clone(this.#names.dataset(target.id), origin, properties);
    if (snapshot === undefined) await this.#zfs('destroy', '-d', origin);
  }

  async promote({ id, name }: Layer): Promise<string> {
    const dataset = this.#names.dataset(id);
    const origin = await this.#zfs('get', '-Hp', '-o', 'value', 'origin', dataset);
    const source = this.#names.id(datasetPart(origin));
    if (source === undefined || snapshotPart(origin) === 'layer') {
      throw failedPrecondition(
        `${JSON.stringify(name)} is no clone of a container's file system: there is nothing that it could be made independent of`,
      );
    }
    await this.#zfs('promote', dataset);
    return source;
  }

  #full(layer: Layer, snapshot: string): string {
    return `${this.#names.dataset(layer.id)}@${snapshot}`;
  }

  async #find(layer: Layer, snapshot: string): Promise<void> {
    checkName(snapshot);
    const all = await this.list(layer);
    if (all.some(({ name }) => name === snapshot)) return;
    const others = all.length === 0 ? 'it has none' : `it has ${all.map(({ name }) => name).join(', ')}`;
    throw notFound(`snapshot ${JSON.stringify(snapshot)} of ${JSON.stringify(layer.name)} does not exist: ${others}`);
  }

  #zfs(...args: readonly string[]): Promise<string> {
    return zfsCommand(args, this.#pool.name);
  }
}

function checkName(snapshot: string): void {
  if (NAME.test(snapshot) && !isReserved(snapshot) && !isTemporary(snapshot)) return;
  throw invalidArgument(
    `snapshot ${JSON.stringify(snapshot)} cannot be a name: write letters, digits and . : - _, at most 64, and neither ` +
      '"layer" nor "layerfs-…"',
  );
}
