import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readLines } from '../../../common/lines.ts';
import type { Layer } from '../../layerfs/layer.ts';
import type { Inspection, Problem } from '../store.ts';
import { listDatasets, type Dataset } from './list-datasets.ts';
import type { MountPoints } from './mount-points.ts';
import type { DatasetNames } from './names.ts';
import type { Pool } from './pool.ts';
import { preparePool } from './prepare-pool.ts';
import { encodeRecord, RECORD_PROPERTY } from './record.ts';
import { scanDatasets } from './scan-pool.ts';
import { datasetPart, isTemporary, snapshotPart } from './snapshot-names.ts';
import { zfsCommand } from './zfs-command.ts';

export interface InspectOptions {
  readonly names: DatasetNames;
  readonly pool: Pool;
  readonly mountPoints: MountPoints;
  /** Temporary snapshots that are being read. */
  readonly inUse: ReadonlySet<string>;
}

/** A scan, and whether snapshots, origins and mounts are as the records say. */
export async function inspectPool(options: InspectOptions, layers: readonly Layer[]): Promise<Inspection> {
  const { names } = options;
  const datasets = await listDatasets(names.root);
  const all = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  const scan = scanDatasets(names, datasets);
  const records = new Map(scan.layers.map((layer) => [layer.id, layer]));
  const problems = [
    ...emptyLayer(options, all),
    ...layers.flatMap((layer) => lostSnapshot(options, layer, all)),
    ...scan.layers.flatMap((layer) => wrongOrigin(names, layer, all, records)),
    ...datasets.flatMap((dataset) => leftover(options, dataset, datasets)),
    ...(await staleMounts(options, layers)),
  ];
  return { ...scan, problems };
}

type Datasets = ReadonlyMap<string, Dataset>;

function emptyLayer({ names, mountPoints }: InspectOptions, all: Datasets): Problem[] {
  const place = `${names.empty}@layer`;
  if (all.has(place)) return [];
  const reason = 'is gone: layers without a parent cannot be made';
  const apply = () => preparePool(names, path.dirname(mountPoints.directory));
  return [{ kind: 'empty', id: 'empty', place, reason, repair: { does: 'make it again', apply } }];
}

/** What it holds is still there: a new snapshot has it. */
function lostSnapshot({ names, pool }: InspectOptions, layer: Layer, all: Datasets): Problem[] {
  const place = names.snapshot(layer.id);
  if (layer.kind !== 'committed' || all.has(place) || !all.has(names.dataset(layer.id))) return [];
  const apply = () => pool.snapshot(place, encodeRecord(RECORD_PROPERTY, layer));
  return [
    {
      kind: 'snapshot',
      id: layer.id,
      place,
      reason: `is gone, and ${layer.name} cannot be used without it`,
      repair: { does: 'make it again of what its dataset holds', apply },
    },
  ];
}

/** A clone of a container's file system has the same parent as that one, and stands on one of its snapshots. */
function wrongOrigin(names: DatasetNames, layer: Layer, all: Datasets, records: ReadonlyMap<string, Layer>): Problem[] {
  const place = names.dataset(layer.id);
  const dataset = all.get(place);
  if (layer.kind === 'view' || dataset === undefined) return [];
  const { origin } = dataset;
  if (origin === names.origin(layer.parent) || (origin === undefined && layer.parent === undefined)) return [];
  const source = names.id(datasetPart(origin ?? ''));
  const sibling = source === undefined ? undefined : records.get(source);
  if (sibling !== undefined && snapshotPart(origin ?? '') !== 'layer' && sibling.parent === layer.parent) return [];
  const reason = `${layer.name} stands on ${origin ?? 'nothing'}, and its record says ${names.origin(layer.parent)}`;
  const repair = `if its content is right, flatten it: proxmox-lxcri layerfs flatten; else remove what uses it`;
  return [{ kind: 'origin', id: layer.id, place, reason, repair }];
}

/** Temporary snapshots on which no clone stands. */
function leftover({ pool, inUse }: InspectOptions, { name }: Dataset, datasets: readonly Dataset[]): Problem[] {
  if (!name.includes('@') || !isTemporary(snapshotPart(name)) || inUse.has(name)) return [];
  if (datasets.some(({ origin }) => origin === name)) return [];
  // The clone's id, if it was made for one, which may be under way.
  const id = /@layerfs-clone-(\d+)$/.exec(name)?.[1] ?? name;
  const apply = async () => {
    await zfsCommand(['destroy', name], pool.name);
  };
  const reason = 'is a temporary snapshot, which an interrupted verify or clone left';
  return [{ kind: 'leftover', id, place: name, reason, repair: { does: 'destroy it', apply } }];
}

async function staleMounts({ names, mountPoints }: InspectOptions, layers: readonly Layer[]): Promise<Problem[]> {
  const sources = new Map(
    layers.filter(({ kind }) => kind === 'active').map(({ id }) => [mountPoints.path(id), names.dataset(id)]),
  );
  const mounts = readLines(await readFile('/proc/self/mountinfo', 'utf8')).map(parseMount);
  return mounts.flatMap(({ point, source }) => {
    const id = mountPoints.id(point);
    if (id === undefined || mountPoints.isReading(id) || sources.get(point) === source) return [];
    // That of a layer just committed goes by itself.
    return {
      kind: 'mount',
      id,
      place: point,
      reason: `${source} is mounted there, and no active layer needs it`,
      repair: { does: 'unmount it; whoever uses it keeps it', apply: () => mountPoints.release(id) },
    };
  });
}

function parseMount(line: string): { point: string; source: string } {
  const [before = '', after = ''] = line.split(' - ');
  return { point: before.split(' ')[4] ?? '', source: after.split(' ')[1] ?? '' };
}
