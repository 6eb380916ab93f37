import type { Layer } from '../../layerfs/layer.ts';
import { WorkerLostError } from '../worker.ts';
import type { Dataset } from './list-datasets.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';
import { decodeRecord, encodeRecord, RECORD_PROPERTY, type Properties } from './record.ts';
import { isErrno } from './zfs-error.ts';

/** Makes an active layer a committed one, in one transaction. May be tried again, whatever became of the first try. */
export async function commitLayer(names: DatasetNames, pool: Pool, layer: Layer): Promise<void> {
  const snapshot = names.snapshot(layer.id);
  const record = encodeRecord(RECORD_PROPERTY, layer);
  try {
    await pool.snapshot(snapshot, record);
  } catch (error) {
    const isThere = isErrno(error, 'EEXIST');
    if (!isThere && !(error instanceof WorkerLostError)) throw error;
    const found = await findRecord(pool, snapshot);
    if (found === record.get(RECORD_PROPERTY)) return;
    // One without a record is nobody's that we know.
    if (!isThere || found === undefined) throw error;
    // That of an earlier try that failed as far as anybody knew: the layer may have been written to since.
    await pool.destroySnapshot(snapshot);
    await pool.snapshot(snapshot, record);
  }
}

async function findRecord(pool: Pool, snapshot: string): Promise<unknown> {
  return (await pool.read([RECORD_PROPERTY], [snapshot])).get(snapshot)?.get(RECORD_PROPERTY);
}

/**
 * Keeps the record of a committed layer with its dataset too, and not with its snapshot alone. Else, should somebody
 * destroy that snapshot, the next scan would find the active layer that it once was. A fall may come before this, so each
 * start makes up for it.
 */
export async function markCommitted(names: DatasetNames, pool: Pool, layer: Layer): Promise<void> {
  await pool.setProperties(names.dataset(layer.id), encodeRecord(RECORD_PROPERTY, layer));
}

/** Of these layers the committed ones that are not marked as such. */
export function unmarked(names: DatasetNames, layers: readonly Layer[], datasets: readonly Dataset[]): Layer[] {
  const properties = new Map(datasets.map((dataset) => [dataset.name, dataset.properties]));
  return layers.filter(({ id, kind }) => {
    const own = properties.get(names.dataset(id));
    return kind === 'committed' && own !== undefined && !isMarked(id, own);
  });
}

function isMarked(id: string, properties: Properties): boolean {
  try {
    return decodeRecord(RECORD_PROPERTY, id, properties)?.kind === 'committed';
  } catch {
    return false;
  }
}
