import { readdir } from 'node:fs/promises';
import test from 'ava';
import fc from 'fast-check';
import { Code, StatusError } from '../../../../common/errors.ts';
import type { LayerFs } from '../../../../snapshotter/layerfs/layerfs.ts';
import type { LayerKind } from '../../../../snapshotter/layerfs/layer.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';
import { SEED } from '../../../support/seeded-random.ts';
import { OverlayBed } from '../support/overlay-bed.ts';

type Operation =
  | { readonly do: 'prepare' | 'view'; readonly key: string; readonly parent: string; readonly label: string }
  | { readonly do: 'commit'; readonly key: string; readonly name: string; readonly label: string }
  | { readonly do: 'update'; readonly key: string; readonly label: string }
  | { readonly do: 'remove'; readonly key: string }
  | { readonly do: 'cleanup' }
  | { readonly do: 'reopen' };

interface Expected {
  readonly kind: LayerKind;
  readonly parent: string;
  readonly label: string;
}

/** What a layer graph is, said once more and without any store. */
class Model {
  readonly layers = new Map<string, Expected>();

  /** @returns the code that the operation must end with. */
  apply(operation: Operation): Code {
    if (operation.do === 'prepare' || operation.do === 'view') return this.#create(operation);
    if (operation.do === 'cleanup' || operation.do === 'reopen') return Code.OK;
    const { key } = operation;
    const layer = this.layers.get(key);
    if (layer === undefined) return Code.NotFound;
    if (operation.do === 'update') this.layers.set(key, { ...layer, label: operation.label });
    if (operation.do === 'remove') {
      if ([...this.layers.values()].some(({ parent }) => parent === key)) return Code.FailedPrecondition;
      this.layers.delete(key);
    }
    if (operation.do === 'commit') {
      if (layer.kind !== 'active') return Code.FailedPrecondition;
      if (this.layers.has(operation.name)) return Code.AlreadyExists;
      this.layers.delete(key);
      this.layers.set(operation.name, { ...layer, kind: 'committed', label: operation.label });
    }
    return Code.OK;
  }

  #create({ do: verb, key, parent, label }: Extract<Operation, { parent: string }>): Code {
    const below = this.layers.get(parent);
    if (parent !== '' && below === undefined) return Code.NotFound;
    if (below !== undefined && below.kind !== 'committed') return Code.InvalidArgument;
    if (this.layers.has(key)) return Code.AlreadyExists;
    this.layers.set(key, { kind: verb === 'view' ? 'view' : 'active', parent, label });
    return Code.OK;
  }
}

/** Few names, so that they often meet. */
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const label = fc.constantFrom('1', '2', '3');
const parent = fc.oneof({ weight: 1, arbitrary: fc.constant('') }, { weight: 2, arbitrary: name });
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('prepare' as const), key: name, parent, label }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('view' as const), key: name, parent, label }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), key: name, name, label }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('update' as const), key: name, label }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('remove' as const), key: name }) },
    { weight: 1, arbitrary: fc.constant({ do: 'cleanup' as const }) },
    { weight: 1, arbitrary: fc.constant({ do: 'reopen' as const }) },
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

async function perform(bed: OverlayBed, operation: Operation): Promise<void> {
  const { layerFs } = bed;
  const labels = 'label' in operation ? { label: operation.label } : {};
  if (operation.do === 'prepare' || operation.do === 'view') await layerFs[operation.do]({ ...operation, labels });
  else if (operation.do === 'commit') await layerFs.commit({ key: operation.key, name: operation.name, labels });
  else if (operation.do === 'update') await layerFs.update(operation.key, labels, []);
  else if (operation.do === 'remove') await layerFs.remove(operation.key);
  else if (operation.do === 'cleanup') await layerFs.cleanup();
  else await bed.reopen();
}

const codeOf = (call: Promise<unknown>): Promise<Code> =>
  call.then(
    () => Code.OK,
    (error: unknown) => StatusError.from(error).code,
  );

const contents = (layerFs: LayerFs) =>
  Object.fromEntries(
    layerFs
      .list()
      .map(({ name: own, kind, parent: below, labels }) => [
        own,
        { kind, parent: below, label: labels['label'] ?? '' },
      ]),
  );

async function withBed(task: (bed: OverlayBed) => Promise<void>): Promise<void> {
  const bed = new OverlayBed(await makeTempDir());
  try {
    await bed.reopen();
    await task(bed);
  } finally {
    await bed.tearDown();
  }
}

test('whatever is done in whatever order, all is as the rules say, and so it is after a restart', async (t) => {
  t.log(`seed ${SEED.toString()}`);
  await fc.assert(
    fc.asyncProperty(operations, (all) =>
      withBed(async (bed) => {
        const model = new Model();
        for (const operation of all) {
          t.is(await codeOf(perform(bed, operation)), model.apply(operation), JSON.stringify(operation));
          t.deepEqual(contents(bed.layerFs), Object.fromEntries(model.layers));
        }
        await bed.reopen();
        await bed.layerFs.cleanup();
        t.deepEqual(contents(bed.layerFs), Object.fromEntries(model.layers));
        t.is((await readdir(bed.snapshots)).length, model.layers.size);
        const mountable = [...model.layers].filter(([, { kind }]) => kind !== 'committed');
        for (const [key] of mountable) t.is((await bed.layerFs.mounts(key)).length, 1);
      }),
    ),
    { numRuns: 60, seed: SEED },
  );
});

test('whatever is done at once, the graph is sound, and the same after a restart', async (t) => {
  t.log(`seed ${SEED.toString()}`);
  await fc.assert(
    fc.asyncProperty(operations, (all) =>
      withBed(async (bed) => {
        await Promise.all(all.filter((each) => each.do !== 'reopen').map((each) => codeOf(perform(bed, each))));
        const before = bed.layerFs.list();
        for (const { parent: below } of before) {
          if (below !== '') t.is(bed.layerFs.stat(below).kind, 'committed');
        }
        await bed.reopen();
        await bed.layerFs.cleanup();
        const sorted = (layers: typeof before) => layers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
        t.deepEqual(sorted(bed.layerFs.list()), sorted(before));
        t.is((await readdir(bed.snapshots)).length, before.length);
        // Nothing is held for ever: all of it can go.
        while (bed.layerFs.list().length > 0) {
          const removed = await Promise.allSettled(bed.layerFs.list().map((layer) => bed.layerFs.remove(layer.name)));
          t.true(removed.some(({ status }) => status === 'fulfilled'));
        }
      }),
    ),
    { numRuns: 40, seed: SEED },
  );
});
