import { readdir, readFile } from 'node:fs/promises';
import { messageOf } from '../../../common/errors.ts';
import { mapBounded } from '../../../common/map-bounded.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Orphan, Scan } from '../store.ts';
import { parseEntryName, recordIn } from './layer-paths.ts';
import { decodeRecord } from './record.ts';

const PARALLEL = 16;

type Found =
  { readonly is: 'layer'; readonly layer: Layer } | { readonly is: 'orphan' | 'damaged'; readonly orphan: Orphan };

/**
 * Tells layers from what interrupted changes left, and both from what nobody but people can judge: a layer whose record
 * cannot be read may hold somebody's only copy of something.
 */
export async function scanDirectory(snapshots: string): Promise<Scan> {
  const found = await mapBounded(await readdir(snapshots), PARALLEL, (name) => examine(snapshots, name));
  const orphans = (kind: Found['is']) =>
    found.flatMap((each) => (each.is === kind && 'orphan' in each ? each.orphan : []));
  const layers = found.flatMap((each) => (each.is === 'layer' ? each.layer : []));
  const ids = found.map((each) =>
    BigInt(parseEntryName(each.is === 'layer' ? each.layer.id : each.orphan.id)?.id ?? 0),
  );
  const lastId = ids.reduce((last, id) => (id > last ? id : last), 0n).toString();
  return { layers, orphans: orphans('orphan'), damaged: orphans('damaged'), lastId };
}

async function examine(snapshots: string, name: string): Promise<Found> {
  const place = `${snapshots}/${name}`;
  const entry = parseEntryName(name);
  if (entry === undefined) return damaged(name, place, 'is nothing that LayerFS makes');
  const { state, id } = entry;
  if (state === 'new') return { is: 'orphan', orphan: { id, place, reason: 'its creation was interrupted' } };
  if (state === 'removed') return { is: 'orphan', orphan: { id, place, reason: 'was removed, and not destroyed yet' } };
  try {
    return { is: 'layer', layer: decodeRecord(id, await readFile(recordIn(place), 'utf8')) };
  } catch (error) {
    return damaged(id, place, messageOf(error));
  }
}

const damaged = (id: string, place: string, reason: string): Found => ({
  is: 'damaged',
  orphan: { id, place, reason },
});
