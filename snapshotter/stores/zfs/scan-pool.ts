import { messageOf } from '../../../common/errors.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Orphan, Scan } from '../store.ts';
import type { Dataset } from './list-datasets.ts';
import type { DatasetNames } from './names.ts';
import { decodeRecord, INCOMING_PROPERTY, RECORD_PROPERTY, REMOVED_PROPERTY, viewIds, viewProperty } from './record.ts';

/** Tells layers from the rest of interrupted changes, by what the pool holds. */
export function scanDatasets(names: DatasetNames, datasets: readonly Dataset[]): Scan {
  const collector = new Collector(names, datasets);
  for (const dataset of datasets) collector.collect(dataset);
  return collector.result();
}

class Collector {
  readonly #names: DatasetNames;
  readonly #all: ReadonlyMap<string, Dataset>;
  readonly #layers: Layer[] = [];
  readonly #orphans: Orphan[] = [];
  readonly #damaged: Orphan[] = [];
  #lastId = 0n;

  constructor(names: DatasetNames, datasets: readonly Dataset[]) {
    this.#names = names;
    this.#all = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  }

  collect(dataset: Dataset): void {
    const { name } = dataset;
    if (name.endsWith('@layer')) this.#views(dataset);
    if (name.includes('@') || name === this.#names.root || name === this.#names.empty) return;
    const id = this.#names.id(name);
    if (id === undefined) {
      this.#damaged.push({ id: name, place: name, reason: 'is no dataset of LayerFS' });
      return;
    }
    this.#take(id);
    this.#layer(id, dataset);
  }

  result(): Scan {
    const [layers, orphans, damaged] = [this.#layers, this.#orphans, this.#damaged];
    return { layers, orphans, damaged, lastId: this.#lastId.toString() };
  }

  #layer(id: string, dataset: Dataset): void {
    const snapshot = this.#all.get(this.#names.snapshot(id));
    const place = dataset.name;
    if (dataset.properties.has(REMOVED_PROPERTY)) {
      this.#orphans.push({ id, place, reason: 'was removed, and could not be destroyed yet' });
      return;
    }
    const found = this.#read(id, place, RECORD_PROPERTY, snapshot?.properties ?? dataset.properties);
    if (found === 'none') this.#withoutRecord(id, dataset, snapshot);
    else if (found !== 'damaged') this.#withRecord(found, place, snapshot);
  }

  /** The dataset of a committed layer has its record too (commit-layer.ts). */
  #withRecord(layer: Layer, place: string, snapshot: Dataset | undefined): void {
    const { id, name } = layer;
    if (layer.kind !== 'committed' || snapshot !== undefined) {
      this.#layers.push(layer);
      return;
    }
    const reason = `is the committed layer ${name}, whose snapshot @layer somebody destroyed`;
    const advice = `pull its image again; if nobody needs what is in it, run \`zfs destroy -r ${place}\``;
    this.#damaged.push({ id, place, reason, advice });
  }

  /** A clone gets its record in a second transaction; a snapshot has it from the first, unless it is not ours. */
  #withoutRecord(id: string, dataset: Dataset, snapshot: Dataset | undefined): void {
    const place = dataset.name;
    if (dataset.properties.has(INCOMING_PROPERTY)) {
      this.#orphans.push({ id, place, reason: 'has no record: its copy or receive was interrupted' });
    } else if (snapshot !== undefined)
      this.#damaged.push({ id, place, reason: 'has a snapshot @layer without a record' });
    else this.#orphans.push({ id, place, reason: 'has no record: its creation was interrupted' });
  }

  #views(snapshot: Dataset): void {
    for (const id of viewIds(snapshot.properties)) {
      this.#take(id);
      const found = this.#read(id, snapshot.name, viewProperty(id), snapshot.properties);
      if (found !== 'none' && found !== 'damaged') this.#layers.push(found);
    }
  }

  #read(id: string, place: string, property: string, properties: Dataset['properties']): Layer | 'none' | 'damaged' {
    try {
      return decodeRecord(property, id, properties) ?? 'none';
    } catch (error) {
      const reason = messageOf(error);
      // A view is no dataset: to destroy its place would destroy the layer that it shows.
      const advice = `if nobody needs that view any more, run \`zfs inherit ${property} ${place}\``;
      this.#damaged.push({ id, place, reason, ...(place.includes('@') && { advice }) });
      return 'damaged';
    }
  }

  #take(id: string): void {
    const number = BigInt(id);
    if (number > this.#lastId) this.#lastId = number;
  }
}
