import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Code } from '../../../../common/errors.ts';
import { codeOf, type Labels, type SnapshotsClient } from '../../../support/snapshots-client.ts';
import type { Known, Model } from './model.ts';

/** A committed layer on a committed layer, which each change may stand on. */
export const BASE = 'base-2';

/** A call that is about to be made, whose conditions are there. */
export interface Change {
  /** The names that it makes, changes or removes. */
  readonly touches: readonly string[];
  readonly call: (client: SnapshotsClient) => Promise<unknown>;
  /** What the call makes of all snapshots. */
  readonly apply: (model: Model) => void;
  /** What a repetition may be answered where the first call has happened. */
  readonly repeated: readonly number[];
  /**
   * Each name goes by itself. A Remove may be forgotten by a fall, though it was acknowledged: containerd finds the
   * snapshot again.
   */
  readonly isRemoval?: boolean;
}

/** One kind of change; `tag` makes its names unique. */
export interface Operation {
  readonly title: string;
  /** Makes its conditions, which are in the model then. */
  readonly prepare: (client: SnapshotsClient, model: Model, tag: string) => Promise<Change>;
}

/** More than a user property holds. */
export const LONG: Labels = Object.fromEntries(
  ['a', 'b', 'c', 'd', 'e'].map((name) => [`example.com/${name}`, name.repeat(4000)]),
);
const QUOTA: Labels = { 'containerd.io/snapshot/max-size': '64M' };

export const filesOf = (model: Model, name: string): Known['files'] => model.get(name)?.files ?? {};

/** Makes an active snapshot with a file of its own. */
export async function makeActive(client: SnapshotsClient, model: Model, key: string, parent = ''): Promise<void> {
  const mounts = await client.prepare(key, parent, { key });
  const content = `${key} `.repeat(10_000);
  await writeFile(path.join(mounts[0]?.source ?? '', key), content);
  model.set(key, { kind: 'active', parent, labels: { key }, files: { ...filesOf(model, parent), [key]: content } });
}

export async function makeCommitted(client: SnapshotsClient, model: Model, name: string, parent = ''): Promise<void> {
  const key = `${name}-key`;
  await makeActive(client, model, key, parent);
  await client.commit(name, key, { name });
  toCommitted(model, key, name);
}

function toCommitted(model: Model, key: string, name: string): void {
  const active = model.get(key);
  if (active === undefined) throw new Error(`${key} is not there`);
  model.delete(key);
  model.set(name, { ...active, kind: 'committed', labels: { name } });
}

async function makeView(client: SnapshotsClient, model: Model, key: string): Promise<void> {
  await client.view(key, BASE, LONG);
  model.set(key, { kind: 'view', parent: BASE, labels: LONG, files: filesOf(model, BASE) });
}

function creation(kind: 'active' | 'view', title: string, parent: string, labels: Labels): Operation {
  const prepare: Operation['prepare'] = (_client, _model, tag) => {
    const change: Change = {
      touches: [tag],
      call: (client) => (kind === 'active' ? client.prepare(tag, parent, labels) : client.view(tag, parent, labels)),
      apply: (model) => model.set(tag, { kind, parent, labels, files: filesOf(model, parent) }),
      repeated: [Code.AlreadyExists],
    };
    return Promise.resolve(change);
  };
  return { title, prepare };
}

const commit: Operation = {
  title: 'Commit',
  prepare: async (client, model, tag) => {
    const key = `${tag}-key`;
    await makeActive(client, model, key, BASE);
    return {
      touches: [key, tag],
      call: (later) => later.commit(tag, key, { name: tag }),
      apply: (after) => {
        toCommitted(after, key, tag);
      },
      repeated: [Code.NotFound, Code.AlreadyExists],
    };
  },
};

function update(
  kind: Known['kind'],
  make: (client: SnapshotsClient, model: Model, tag: string) => Promise<void>,
): Operation {
  return {
    title: `Update of ${kind}`,
    prepare: async (client, model, tag) => {
      await make(client, model, tag);
      const before = model.get(tag);
      if (before === undefined) throw new Error(`${tag} is not there`);
      // From long to short and from short to long.
      const labels = kind === 'view' ? { short: 'yes' } : LONG;
      return {
        touches: [tag],
        call: (later) => later.update(tag, labels),
        apply: (after) => after.set(tag, { ...before, labels }),
        repeated: [Code.OK],
      };
    },
  };
}

/** Those whose steps concern their own snapshot alone: many can be stopped at once. */
export const OPERATIONS: readonly Operation[] = [
  creation('active', 'Prepare', '', { a: 'b' }),
  creation('active', 'Prepare on a parent', BASE, LONG),
  creation('active', 'Prepare with a quota', BASE, QUOTA),
  creation('view', 'View', BASE, LONG),
  commit,
  update('active', (client, model, tag) => makeActive(client, model, tag, BASE)),
  update('view', makeView),
  update('committed', (client, model, tag) => makeCommitted(client, model, tag, BASE)),
];

/** All that is removed is destroyed in one go. */
export const REMOVAL: Operation = {
  title: 'Remove and Cleanup',
  prepare: async (client, model, tag) => {
    const names = [`${tag}-active`, `${tag}-view`, `${tag}-top`, `${tag}-below`];
    await makeActive(client, model, `${tag}-active`, BASE);
    await makeView(client, model, `${tag}-view`);
    await makeCommitted(client, model, `${tag}-below`, BASE);
    await makeCommitted(client, model, `${tag}-top`, `${tag}-below`);
    return {
      touches: names,
      // At once, so that one batch has them all; what is gone already is fine for containerd too.
      call: async (later) => {
        const removals = names.map((name) => codeOf(later.remove(name)));
        const codes = await Promise.all(removals);
        if (codes.some((code) => code !== Code.OK && code !== Code.NotFound))
          throw new Error(`answered ${codes.join()}`);
        await later.cleanup();
      },
      apply: (after) => {
        for (const name of names) after.delete(name);
      },
      repeated: [Code.OK],
      isRemoval: true,
    };
  },
};
