import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Code } from '../../common/errors.ts';
import { SEED, seededRandom } from '../support/seeded-random.ts';
import { SnapshotsClient, type Mount } from '../support/snapshots-client.ts';
import { Snapshotter } from '../support/snapshotter.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { agrees, differences, type Model } from '../vm/long/crash/model.ts';

/*
 * kill -9 of the snapshotter at any moment, on the overlay store, while many clients make, commit, change and remove
 * snapshots. What was acknowledged is there, with its content; what was not has happened as a whole or not at all.
 */

const CLIENTS = 20;
const LIFE_MS = [30, 400] as const;
const RUN_MS = 12_000;
const BASE = 'base';

type Random = () => number;

/** What one client made, and the call that is under way: nobody else touches its snapshots. */
class Client {
  readonly model: Model = new Map();
  readonly #id: number;
  readonly #random: Random;
  #count = 0;
  #pending: { readonly names: readonly string[]; readonly after: Model } | undefined;

  constructor(id: number, random: Random) {
    this.#id = id;
    this.#random = random;
  }

  /** Until the daemon is dead. */
  async run(service: SnapshotsClient): Promise<void> {
    try {
      for (;;) await this.#step(service);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === Code.Unavailable)) throw error;
    }
  }

  /** Decides what became of the call that was under way. @returns what is wrong */
  settle(infos: Awaited<ReturnType<SnapshotsClient['list']>>): string[] {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || agrees(this.model, infos, pending.names)) return [];
    if (!agrees(pending.after, infos, pending.names)) return [`half of a call has happened: ${pending.names.join()}`];
    this.model.clear();
    for (const [name, known] of pending.after) this.model.set(name, known);
    return [];
  }

  async #step(service: SnapshotsClient): Promise<void> {
    const actives = this.#names('active');
    const chance = this.#random();
    const [active] = actives;
    if (chance < 0.4 || active === undefined) await this.#prepare(service);
    else if (chance < 0.6) await this.#commit(service, active);
    else if (chance < 0.7) await this.#update(service);
    else if (chance < 0.8) await this.#view(service);
    else await this.#remove(service);
  }

  #names(kind: 'active' | 'view' | 'committed'): string[] {
    return [...this.model].flatMap(([name, known]) => (known.kind === kind ? [name] : []));
  }

  #newName(what: string): string {
    return `${this.#id} ${what} ${++this.#count}`;
  }

  async #prepare(service: SnapshotsClient): Promise<void> {
    const key = this.#newName('key');
    const after: Model = new Map([...this.model, [key, { kind: 'active', parent: BASE, labels: { key }, files: {} }]]);
    const mounts = await this.#change([key], after, () => service.prepare(key, BASE, { key }));
    await writeFile(path.join(upperOf(mounts), 'file'), key);
    this.model.set(key, { kind: 'active', parent: BASE, labels: { key }, files: { file: key } });
  }

  async #commit(service: SnapshotsClient, key: string): Promise<void> {
    const name = this.#newName('layer');
    const after: Model = new Map(this.model);
    const active = after.get(key);
    if (active === undefined) return;
    after.delete(key);
    after.set(name, { ...active, kind: 'committed', labels: { name } });
    await this.#change([key, name], after, () => service.commit(name, key, { name }));
  }

  async #update(service: SnapshotsClient): Promise<void> {
    const [name] = this.model.keys();
    const known = this.model.get(name ?? '');
    if (name === undefined || known === undefined) return;
    const labels = { at: String(++this.#count) };
    await this.#change([name], new Map([...this.model, [name, { ...known, labels }]]), () =>
      service.update(name, labels),
    );
  }

  async #view(service: SnapshotsClient): Promise<void> {
    const key = this.#newName('view');
    const after: Model = new Map([...this.model, [key, { kind: 'view', parent: BASE, labels: {}, files: {} }]]);
    await this.#change([key], after, () => service.view(key, BASE));
  }

  async #remove(service: SnapshotsClient): Promise<void> {
    const names = [...this.model.keys()];
    const name = names[Math.floor(this.#random() * names.length)];
    if (name === undefined) return;
    const after: Model = new Map(this.model);
    after.delete(name);
    await this.#change([name], after, () => service.remove(name));
  }

  async #change<T>(names: readonly string[], after: Model, call: () => Promise<T>): Promise<T> {
    this.#pending = { names, after };
    const result = await call();
    this.#pending = undefined;
    this.model.clear();
    for (const [name, known] of after) this.model.set(name, known);
    return result;
  }
}

const optionOf = (mounts: readonly Mount[], name: string): string =>
  mounts[0]?.options.find((option) => option.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
const upperOf = (mounts: readonly Mount[]) => optionOf(mounts, 'upperdir');

/** The directory of a committed layer's own files. */
async function contentOf(service: SnapshotsClient, name: string): Promise<string> {
  const key = `look ${name}`;
  const mounts = await service.view(key, name);
  await service.remove(key);
  return optionOf(mounts, 'lowerdir').split(':')[0] ?? '';
}

test('the snapshotter is killed at any moment, with twenty clients', async (t) => {
  t.timeout(120_000);
  t.log(`LXCRI_TEST_SEED=${SEED}`);
  const random = seededRandom(SEED);
  const directory = await makeTempDir();
  const snapshotter = new Snapshotter(directory);
  t.teardown(async () => {
    await snapshotter.terminate('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });
  await snapshotter.launch();
  let service = new SnapshotsClient(snapshotter.socket);
  await service.prepare('base key');
  await service.commit(BASE, 'base key');
  const clients = Array.from({ length: CLIENTS }, (_, id) => new Client(id, random));
  const deadline = Date.now() + RUN_MS;
  let rounds = 0;
  for (; Date.now() < deadline; rounds++) {
    const running = clients.map((client) => client.run(service));
    await sleep(LIFE_MS[0] + random() * (LIFE_MS[1] - LIFE_MS[0]));
    await snapshotter.terminate('SIGKILL');
    await Promise.all(running);
    service.close();
    await snapshotter.launch();
    service = new SnapshotsClient(snapshotter.socket);
    const infos = await service.list();
    t.deepEqual(
      clients.flatMap((client) => client.settle(infos)),
      [],
    );
    const all: Model = new Map(clients.flatMap(({ model }) => [...model]));
    all.set(BASE, { kind: 'committed', parent: '', labels: {}, files: {} });
    t.deepEqual(differences(all, infos), []);
  }
  const layers: Model = new Map(clients.flatMap(({ model }) => [...model]));
  for (const [name, { kind, files }] of layers) {
    if (kind !== 'committed') continue;
    // Whose Prepare was answered, or not, as the daemon died: nothing was written to it.
    if (files['file'] !== undefined) {
      t.is(await readFile(path.join(await contentOf(service, name), 'file'), 'utf8'), files['file']);
    }
  }
  await service.cleanup();
  const left = await readdir(path.join(snapshotter.root, 'snapshots'));
  t.is(left.length, layers.size + 1);
  t.true(
    left.every((name) => /^\d+$/.test(name)),
    left.join(),
  );
  t.log(`${rounds} deaths, ${layers.size} snapshots in the end`);
  service.close();
  await snapshotter.terminate();
});
