import { internal, invalidArgument, StatusError } from '../../../common/errors.ts';
import { WorkerError, type Worker } from '../worker.ts';
import { DESTROY, DESTROY_SNAPSHOT, READ_PROPERTIES, SET_PROPERTIES } from './programs.ts';
import { REMOVED_PROPERTY, type Properties } from './record.ts';
import { zfsError } from './zfs-error.ts';

/** Set with a new dataset; a number is a native property's. */
export type NewProperties = ReadonlyMap<string, string | bigint>;

/** A dataset, or of a snapshot one record: that property and those that its end is in. */
export interface Destruction {
  readonly dataset: string;
  readonly record?: string;
}

/** More would take a channel program beyond its limits of memory and instructions. */
const MAX_PER_PROGRAM = 100;

/** What LayerFS does to the datasets of one pool, without a process and without a list. All throw StatusError. */
export class Pool {
  readonly name: string;
  readonly #worker: Worker;

  constructor(dataset: string, worker: Worker) {
    this.name = dataset.split('/')[0] ?? '';
    this.#worker = worker;
    if (this.name === '') throw invalidArgument(`dataset ${JSON.stringify(dataset)} has no pool in its name`);
  }

  /** Two transactions: if the second does not come, there is a clone without properties. */
  async clone(dataset: string, origin: string, properties: NewProperties): Promise<void> {
    await this.#ask('clone', dataset, origin, ...triples(properties));
  }

  /** One transaction: there is a snapshot with its properties, or none. */
  async snapshot(snapshot: string, properties: NewProperties): Promise<void> {
    await this.#ask('snapshot', snapshot, ...triples(properties));
  }

  async setProperties(dataset: string, properties: Properties): Promise<void> {
    const errno = await this.#program('sync', SET_PROPERTIES, [dataset, ...[...properties].flat()]);
    if (errno !== 0) throw zfsError(new WorkerError(Number(errno), `setting properties of ${dataset}`), this.name);
  }

  /** @returns the errno of each dataset, or record, that could not be destroyed; what is not there is no error. */
  async destroy(targets: readonly Destruction[]): Promise<Map<string, number>> {
    const failed = new Map<string, number>();
    for (let i = 0; i < targets.length; i += MAX_PER_PROGRAM) {
      const words = targets.slice(i, i + MAX_PER_PROGRAM).flatMap(destructionWords);
      const result = await this.#program('sync', DESTROY, [REMOVED_PROPERTY, ...words]);
      for (const [dataset, errno] of entriesOf(result)) failed.set(dataset, Number(errno));
    }
    return failed;
  }

  /** @throws StatusError if a clone stands on it, or somebody has it mounted. */
  async destroySnapshot(snapshot: string): Promise<void> {
    const errno = await this.#program('sync', DESTROY_SNAPSHOT, [snapshot]);
    if (errno !== 0) throw zfsError(new WorkerError(Number(errno), `destroying ${snapshot}`), this.name);
  }

  /** Reads properties of many datasets and snapshots; those that do not exist are left out. Numbers are bytes. */
  async read(properties: readonly string[], datasets: readonly string[]): Promise<Map<string, Map<string, unknown>>> {
    const found = new Map<string, Map<string, unknown>>();
    for (let i = 0; i < datasets.length; i += MAX_PER_PROGRAM) {
      const some = datasets.slice(i, i + MAX_PER_PROGRAM);
      const result = await this.#program('read', READ_PROPERTIES, [String(properties.length), ...properties, ...some]);
      for (const [dataset, values] of entriesOf(result)) found.set(dataset, new Map(entriesOf(values)));
    }
    return found;
  }

  /** Waits until everything that was written before counts. */
  async sync(): Promise<void> {
    await this.#ask('sync-pool', this.name);
  }

  async rollback(dataset: string, snapshot: string): Promise<void> {
    await this.#ask('rollback', dataset, snapshot);
  }

  async #program(mode: 'sync' | 'read', program: string, args: readonly string[]): Promise<unknown> {
    const text = await this.#ask('program', this.name, mode, program, ...args);
    return (JSON.parse(text) as { return?: unknown }).return;
  }

  async #ask(verb: string, ...args: readonly string[]): Promise<string> {
    try {
      return await this.#worker.request(verb, ...args);
    } catch (error) {
      if (error instanceof StatusError) throw error;
      if (error instanceof WorkerError) throw zfsError(error, this.name);
      throw internal(`${verb}: ${String(error)}`, { cause: error });
    }
  }
}

const triples = (properties: NewProperties) =>
  [...properties].flatMap(([name, value]) =>
    typeof value === 'bigint' ? ['number', name, value.toString()] : ['string', name, value],
  );

const destructionWords = ({ dataset, record }: Destruction) =>
  record === undefined ? ['dataset', dataset] : ['record', dataset, record];

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value) : [];
