import { readFromProgram } from '../../../common/exec-stream.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Work } from '../store.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';
import { verifySnapshot } from './snapshot-names.ts';
import { zfsCommand, zfsCommandError } from './zfs-command.ts';

/** Reads layers by `zfs send` to nowhere, which checks the checksum of each block that the layer does not share. */
export class LayerVerifier {
  readonly #names: DatasetNames;
  readonly #pool: Pool;
  /** The snapshots of active layers that are being read. */
  readonly inUse = new Set<string>();

  constructor(names: DatasetNames, pool: Pool) {
    this.#names = names;
    this.#pool = pool;
  }

  async verify(layer: Layer, work: Work): Promise<void> {
    if (layer.kind === 'view') return;
    const dataset = this.#names.dataset(layer.id);
    if (layer.kind === 'committed') await this.#read(dataset, this.#names.snapshot(layer.id), work);
    else await this.#withSnapshot(dataset, (snapshot) => this.#read(dataset, snapshot, work));
  }

  async #withSnapshot(dataset: string, use: (snapshot: string) => Promise<void>): Promise<void> {
    const snapshot = verifySnapshot(dataset);
    this.inUse.add(snapshot);
    try {
      // That of a daemon that was killed.
      await zfsCommand(['destroy', snapshot], this.#pool.name).catch(() => undefined);
      await zfsCommand(['snapshot', snapshot], this.#pool.name);
      try {
        await use(snapshot);
      } finally {
        await zfsCommand(['destroy', snapshot], this.#pool.name);
      }
    } finally {
      this.inUse.delete(snapshot);
    }
  }

  async #read(dataset: string, snapshot: string, { signal, progress }: Work): Promise<void> {
    const origin = await zfsCommand(['get', '-Hp', '-o', 'value', 'origin', dataset], this.#pool.name);
    const base = origin === '-' ? [] : ['-I', origin];
    try {
      for await (const chunk of readFromProgram('zfs', ['send', '-Lec', ...base, snapshot], { signal })) {
        progress(chunk.length);
      }
    } catch (error) {
      throw zfsCommandError(error, this.#pool.name);
    }
  }
}
