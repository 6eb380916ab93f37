import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { listIfExists } from '../../../../common/files.ts';
import { listDatasets, type Dataset } from '../../../../snapshotter/stores/zfs/list-datasets.ts';
import { decodeRecord, RECORD_PROPERTY, viewIds, viewProperty } from '../../../../snapshotter/stores/zfs/record.ts';
import { assert, exec, mountsBelow, until, type Place } from './bed.ts';
import type { Daemon } from './daemon.ts';
import { differences, type Known, type Model } from './model.ts';

/** The whole of it: what the daemon says, what the pool holds, what is mounted, and what is in the layers. */
export async function checkAll(place: Place, daemon: Daemon, model: Model): Promise<void> {
  await daemon.client.cleanup();
  const wrong = differences(model, await daemon.client.list());
  assert(wrong.length === 0, wrong.join('; '));
  // What nobody waits for may still be on its way.
  const ids = await settled(() => checkPool(place, model));
  await settled(() => checkMounts(place, model, ids));
  await checkContent(place, daemon, model, ids);
}

const PATIENCE_MS = 5000;

async function settled<T>(check: () => Promise<T>): Promise<T> {
  let last: unknown;
  const passed = await until(
    '',
    () =>
      check().then(
        (value) => ({ value }),
        (error: unknown) => void (last = error),
      ),
    PATIENCE_MS,
  ).catch(() => undefined);
  if (passed === undefined) throw last;
  return passed.value;
}

/** @returns the ids of active and committed layers by name. */
async function checkPool({ dataset: root }: Place, model: Model): Promise<Map<string, string>> {
  const datasets = await listDatasets(root);
  const ids = new Map<string, string>();
  const views: string[] = [];
  const all = new Map(datasets.map((dataset) => [dataset.name, dataset]));
  for (const dataset of datasets) {
    views.push(...checkViews(dataset, model));
    const { name } = dataset;
    if (name.includes('@') || name === root || name === `${root}/empty`) continue;
    const snapshot = all.get(`${name}@layer`);
    const layer = decodeRecord(RECORD_PROPERTY, path.basename(name), (snapshot ?? dataset).properties);
    assert(
      layer !== undefined && model.get(layer.name)?.kind === layer.kind,
      `${name} is nobody's: ${layer?.name ?? ''}`,
    );
    assert(
      (snapshot !== undefined) === (layer.kind === 'committed'),
      `${name} is a ${layer.kind}, with @layer or without`,
    );
    assert(!ids.has(layer.name), `${layer.name} is there twice`);
    ids.set(layer.name, layer.id);
  }
  const snapshots = datasets.filter(({ name }) => name.includes('@') && !name.endsWith('@layer'));
  assert(snapshots.length === 0, `snapshots ${snapshots.map(({ name }) => name).join()}`);
  const expected = [...model].filter(([, { kind }]) => kind !== 'view').length;
  assert(ids.size === expected, `${expected} datasets are expected, and ${ids.size} there`);
  const expectedViews = [...model].filter(([, { kind }]) => kind === 'view').length;
  assert(views.length === expectedViews, `${expectedViews} views are expected, and ${views.length} there`);
  return ids;
}

/** A view that was updated may have more properties than it needs; one that is gone has none. */
function checkViews({ name, properties }: Dataset, model: Model): string[] {
  const views = viewIds(properties);
  for (const id of views) {
    const view = decodeRecord(viewProperty(id), id, properties);
    assert(view !== undefined && model.get(view.name)?.kind === 'view', `view ${id} of ${name} is nobody's`);
  }
  const known = new Set(views.map(viewProperty));
  const ofViews = [...properties.keys()].filter((key) => key.startsWith('layerfs:view.'));
  const leaked = ofViews.filter((key) => !known.has(key.split('.').slice(0, 2).join('.')));
  assert(leaked.length === 0, `${name} still has ${leaked.join()}`);
  return views;
}

/** Nothing is mounted, nor is there a place for it, but for actives. */
async function checkMounts(place: Place, model: Model, ids: ReadonlyMap<string, string>): Promise<void> {
  const directory = path.join(place.root, 'mnt');
  const actives = new Set([...model].flatMap(([name, { kind }]) => (kind === 'active' ? (ids.get(name) ?? '') : [])));
  const names = [
    ...(await mountsBelow(directory)).map((point) => path.basename(point)),
    ...(await listIfExists(directory)),
  ];
  const wrong = names.filter((name) => !actives.has(name));
  assert(wrong.length === 0, `${directory} still has ${wrong.join()}`);
}

async function checkContent(
  place: Place,
  daemon: Daemon,
  model: Model,
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  const target = path.join(place.run, 'look');
  await mkdir(target, { recursive: true });
  for (const [name, known] of model) {
    if (known.kind === 'active') {
      const [mount] = await daemon.client.mounts(name);
      await checkFiles(name, mount?.source ?? '', known);
    } else if (known.kind === 'committed') {
      await exec('mount', '-t', 'zfs', '-o', 'ro', `${place.dataset}/${ids.get(name) ?? ''}@layer`, target);
      await checkFiles(name, target, known).finally(() => exec('umount', target));
    }
  }
}

async function checkFiles(name: string, directory: string, { files }: Known): Promise<void> {
  const names = (await readdir(directory)).toSorted();
  assert(names.join() === Object.keys(files).toSorted().join(), `${name} has the files ${names.join()}`);
  for (const [file, content] of Object.entries(files)) {
    const found = await readFile(path.join(directory, file), 'utf8');
    assert(found === content, `${file} in ${name} has other content`);
  }
}
