import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LayerFs } from '../../../../../snapshotter/layerfs/layerfs.ts';
import { OverlayStore } from '../../../../../snapshotter/stores/overlay/overlay-store.ts';
import { makeTempDir } from '../../../../support/temp-dir.ts';
import { CutOff } from '../../support/cut-off.ts';
import { idleWorker, OverlayBed, silent } from '../../support/overlay-bed.ts';

interface Scenario {
  readonly title: string;
  /** What is there before, whole. */
  prepare(layerFs: LayerFs): Promise<unknown>;
  /** What is cut off. */
  run(layerFs: LayerFs): Promise<unknown>;
  /** What is written in layers, by their ids, before it. */
  readonly contents: Readonly<Record<string, string>>;
  /** The layers, as describe() tells, before and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Done once more after the restart: a client does so, as it had no answer. */
  again?(layerFs: LayerFs): Promise<unknown>;
}

const labels = { round: 'first' };

async function base(layerFs: LayerFs): Promise<void> {
  await layerFs.prepare({ key: 'base active', parent: '', labels });
  await writeFile(path.join(layerFs.store.location, 'snapshots/1/fs/file'), 'content');
  await layerFs.commit({ key: 'base active', name: 'base', labels });
}

async function withActive(layerFs: LayerFs): Promise<void> {
  await base(layerFs);
  await layerFs.prepare({ key: 'key', parent: 'base', labels });
  await writeFile(path.join(layerFs.store.location, 'snapshots/2/fs/file'), 'changed');
}

const BASE = 'committed base on "" first';
const ACTIVE = 'active key on "base" first';

const SCENARIOS: readonly Scenario[] = [
  {
    title: 'the first start',
    prepare: () => Promise.resolve(),
    contents: {},
    run: () => Promise.resolve(),
    before: [],
    after: [],
  },
  {
    title: 'prepare',
    prepare: base,
    contents: { 1: 'content' },
    run: (layerFs) => layerFs.prepare({ key: 'key', parent: 'base', labels }),
    before: [BASE],
    after: [BASE, ACTIVE],
    again: (layerFs) => layerFs.prepare({ key: 'key', parent: 'base', labels }),
  },
  {
    title: 'prepare without a parent',
    prepare: base,
    contents: { 1: 'content' },
    run: (layerFs) => layerFs.prepare({ key: 'key', parent: '', labels }),
    before: [BASE],
    after: [BASE, 'active key on "" first'],
  },
  {
    title: 'view',
    prepare: base,
    contents: { 1: 'content' },
    run: (layerFs) => layerFs.view({ key: 'key', parent: 'base', labels }),
    before: [BASE],
    after: [BASE, 'view key on "base" first'],
  },
  {
    title: 'commit',
    prepare: withActive,
    contents: { 1: 'content', 2: 'changed' },
    run: (layerFs) => layerFs.commit({ key: 'key', name: 'name', labels: { round: 'second' } }),
    before: [BASE, ACTIVE],
    after: [BASE, 'committed name on "base" second'],
    again: (layerFs) => layerFs.commit({ key: 'key', name: 'name', labels: { round: 'second' } }),
  },
  {
    title: 'update',
    prepare: withActive,
    contents: { 1: 'content', 2: 'changed' },
    run: (layerFs) => layerFs.update('key', { round: 'second' }, []),
    before: [BASE, ACTIVE],
    after: [BASE, 'active key on "base" second'],
    again: (layerFs) => layerFs.update('key', { round: 'second' }, []),
  },
  {
    title: 'remove and cleanup',
    prepare: withActive,
    contents: { 1: 'content', 2: 'changed' },
    run: async (layerFs) => {
      await layerFs.remove('key');
      await layerFs.cleanup();
    },
    before: [BASE, ACTIVE],
    after: [BASE],
    again: (layerFs) => layerFs.remove('key'),
  },
  {
    title: 'remove and prepare of the same key',
    prepare: withActive,
    contents: { 1: 'content', 2: 'changed' },
    run: async (layerFs) => {
      await layerFs.remove('key');
      await layerFs.prepare({ key: 'key', parent: '', labels: { round: 'second' } });
    },
    before: [BASE, ACTIVE],
    after: [BASE, 'active key on "" second'],
  },
];

const describe = (layerFs: LayerFs) =>
  layerFs
    .list()
    .map(({ name, kind, parent, labels: own }) => `${kind} ${name} on "${parent}" ${own['round'] ?? ''}`)
    .toSorted();

/** @returns whether it was cut off before it was done. */
async function runUntil(t: ExecutionContext, scenario: Scenario, cutOff: CutOff, steps: number): Promise<boolean> {
  const bed = new OverlayBed(await makeTempDir());
  try {
    await scenario.prepare(await bed.reopen());
    await bed.layerFs.close();
    cutOff.after(steps);
    const done = Promise.resolve()
      .then(() => openCounting(bed.root, cutOff))
      .then((layerFs) => scenario.run(layerFs))
      .then(() => true);
    const finished = await Promise.race([done, cutOff.reached.then(() => false)]);
    await cutOff.lift();
    await check(t, scenario, bed, `${scenario.title}, cut off after ${steps.toString()} steps`, finished);
    return !finished;
  } finally {
    await bed.tearDown();
  }
}

async function openCounting(root: string, cutOff: CutOff): Promise<LayerFs> {
  const worker = { ...idleWorker, request: () => cutOff.step(() => Promise.resolve('')) };
  return LayerFs.open(await OverlayStore.open({ root, worker, logger: silent }), { logger: silent });
}

async function check(t: ExecutionContext, scenario: Scenario, bed: OverlayBed, when: string, finished: boolean) {
  const layerFs = await bed.reopen();
  const { damaged, broken } = layerFs.restored;
  t.deepEqual({ damaged, broken }, { damaged: [], broken: [] }, when);
  const found = describe(layerFs);
  const [before, after] = [scenario.before.toSorted(), scenario.after.toSorted()];
  const between = scenario.title === 'remove and prepare of the same key' ? [BASE] : after;
  const expected = finished ? [after] : [before, between, after];
  t.true(
    expected.some((each) => JSON.stringify(each) === JSON.stringify(found)),
    `${when}: ${found.join(', ')}`,
  );
  await layerFs.cleanup();
  const names = await readdir(bed.snapshots);
  t.is(names.length, found.length, `${when}: ${names.join(' ')}`);
  for (const { name, kind } of layerFs.list()) {
    if (kind !== 'committed') t.is((await layerFs.mounts(name)).length, 1, when);
    const { id } = layerFs.graph.get(name);
    const content = scenario.contents[id];
    if (content !== undefined) t.is(await readFile(`${bed.snapshots}/${id}/fs/file`, 'utf8'), content, when);
  }
  if (JSON.stringify(found) === JSON.stringify(before)) await scenario.again?.(layerFs);
  if (scenario.again !== undefined) t.deepEqual(describe(layerFs), after, when);
}

test.serial('a change that is cut off anywhere is done or not done after the next start', async (t) => {
  const directory = await makeTempDir();
  t.teardown(() => rm(directory, { recursive: true }));
  const cutOff = await CutOff.install(path.join(directory, 'any'));
  for (const scenario of SCENARIOS) {
    let steps = 0;
    while (await runUntil(t, scenario, cutOff, steps)) steps++;
    t.log(`${scenario.title}: ${steps.toString()} steps`);
    t.true(steps > 0);
  }
});

test.serial('what rm left, whatever it was, goes with the next start', async (t) => {
  const bed = new OverlayBed(await makeTempDir());
  t.teardown(() => bed.tearDown());
  await mkdir(`${bed.snapshots}/removed-1`, { recursive: true });
  await mkdir(`${bed.snapshots}/removed-2/fs/dir`, { recursive: true });
  await mkdir(`${bed.snapshots}/removed-3/work/work`, { recursive: true, mode: 0 });
  await writeFile(`${bed.snapshots}/removed-2/record.json`, '{');
  await writeFile(`${bed.snapshots}/removed-4`, 'a file');
  await mkdir(`${bed.snapshots}/new-5`);
  await writeFile(`${bed.snapshots}/new-5/record.json`, '');
  await bed.reopen();
  t.is(bed.layerFs.restored.orphans.length, 5);
  await bed.layerFs.cleanup();
  t.deepEqual(await readdir(bed.snapshots), []);
});
