import { dataLoss } from '../../../common/errors.ts';
import { readFromProgram, writeToProgram } from '../../../common/exec-stream.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { LayerTransfer, ReceiveOptions, Work } from '../store.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';
import { encodeRecord, INCOMING_PROPERTY, RECORD_PROPERTY } from './record.ts';
import { zfsCommand, zfsCommandError } from './zfs-command.ts';

/** Blocks as they are: large, embedded and compressed. Always the same, or later streams do not fit earlier ones. */
const AS_THEY_ARE = '-Lec';

/** Layers as `zfs send` writes them and `zfs receive` reads them. */
export class ZfsTransfer implements LayerTransfer {
  readonly #names: DatasetNames;
  readonly #pool: Pool;

  constructor(names: DatasetNames, pool: Pool) {
    this.#names = names;
    this.#pool = pool;
  }

  /** The snapshot's guid, which it keeps wherever it is received. */
  async identity({ id }: Layer): Promise<string | undefined> {
    const args = ['get', '-Hp', '-o', 'value', 'guid', this.#names.snapshot(id)];
    return zfsCommand(args, this.#pool.name).catch(() => undefined);
  }

  async estimate(layer: Layer, parent: Layer | undefined): Promise<bigint> {
    const text = await zfsCommand(['send', '-nP', ...this.#delta(layer, parent)], this.#pool.name);
    return BigInt(/^size\s+(\d+)$/m.exec(text)?.[1] ?? 0);
  }

  async *send(layer: Layer, parent: Layer | undefined, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* readFromProgram('zfs', ['send', ...this.#delta(layer, parent)], { signal });
    } catch (error) {
      throw zfsCommandError(error, this.#pool.name);
    }
  }

  #delta(layer: Layer, parent: Layer | undefined): string[] {
    const base = parent === undefined ? [] : ['-i', this.#names.snapshot(parent.id)];
    return [AS_THEY_ARE, ...base, this.#names.snapshot(layer.id)];
  }

  /**
   * The record on the snapshot is what makes it a layer; before that it is an orphan. The dataset has the record too: so
   * that, should somebody destroy the snapshot, it does not look like an orphan again.
   */
  async receive(
    layer: Layer,
    parent: Layer | undefined,
    stream: AsyncIterable<Uint8Array>,
    { identity, signal }: ReceiveOptions,
  ): Promise<void> {
    const snapshot = this.#names.snapshot(layer.id);
    const origin = parent === undefined ? [] : ['-o', `origin=${this.#names.snapshot(parent.id)}`];
    const args = ['receive', '-u', ...origin, '-o', `${INCOMING_PROPERTY}=yes`, snapshot];
    try {
      await writeToProgram('zfs', args, stream, { signal });
    } catch (error) {
      throw zfsCommandError(error, this.#pool.name);
    }
    const found = await this.identity(layer);
    if (found !== identity)
      throw dataLoss(`${layer.name} arrived as ${found ?? 'nothing'}, and was sent as ${identity}`);
    signal.throwIfAborted();
    const record = encodeRecord(RECORD_PROPERTY, layer);
    await this.#pool.setProperties(this.#names.dataset(layer.id), record);
    await this.#pool.setProperties(snapshot, record);
  }

  /** All that a layer shows, as one that stands on nothing. */
  async flatten(layer: Layer, target: Layer, { signal, progress }: Work): Promise<void> {
    const identity = (await this.identity(layer)) ?? '';
    await this.receive(target, undefined, counted(this.send(layer, undefined, signal), progress), { identity, signal });
  }
}

async function* counted(
  stream: AsyncIterable<Uint8Array>,
  progress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    progress(chunk.length);
    yield chunk;
  }
}
