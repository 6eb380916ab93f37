/** fsck finds what is wrong on the overlay store, and mends it; gc destroys what nobody uses. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { CHAIN, withStore, type StoreBed } from './with-store.ts';

interface Found {
  readonly problems: readonly { kind: string; id: string; place: string; repaired: boolean; error: string }[];
  readonly repaired: number;
}

const fsck = async (bed: StoreBed, exitCode: number, ...args: string[]) =>
  (await bed.json(['fsck', ...args], exitCode)) as Found;

const kinds = ({ problems }: Found) => problems.map(({ kind }) => kind);

async function place(bed: StoreBed, name: string): Promise<string> {
  return ((await bed.json(['stat', name])) as { place: string }).place;
}

test('a clean store is clean, also after a restart', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN, { do: 'view', key: 'look', parent: 'top' }, { do: 'view', key: 'nothing' });
    t.deepEqual(kinds(await fsck(bed, 0)), []);
    await bed.daemon.restart('SIGKILL');
    t.deepEqual(kinds(await fsck(bed, 0)), []);
    t.regex((await bed.cli('fsck')).stdout, /^5 layers, 0 problems\n$/);
  }));

test('an orphan is destroyed by a repair, or by gc', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    for (const repair of [['fsck', '--repair', '--yes'], ['gc']]) {
      const orphan = path.join(bed.snapshots, 'new-77');
      await mkdir(path.join(orphan, 'fs'), { recursive: true });
      t.deepEqual(kinds(await fsck(bed, 1)), ['orphan']);
      t.is((await bed.cli(...repair)).exitCode, 0);
      await t.throwsAsync(readFile(orphan), { code: 'ENOENT' });
      t.deepEqual(kinds(await fsck(bed, 0)), []);
    }
  }));

test('a repair asks first', (t) =>
  withStore(t, async (bed) => {
    // What is there when a daemon starts, it destroys by itself: so it must have read its store.
    await bed.json(['ls']);
    await mkdir(path.join(bed.snapshots, 'new-77'), { recursive: true });
    const { exitCode, stdout, stderr } = await bed.cli('fsck', '--repair');
    t.deepEqual([exitCode, stdout], [2, '']);
    t.regex(stderr, /new-77: destroy it\n.*There is no terminal to ask at: repeat it with --yes/s);
    t.deepEqual(kinds(await fsck(bed, 1)), ['orphan']);
  }));

test('a layer destroyed by hand is forgotten', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    await rm(await place(bed, 'web'), { recursive: true });
    t.deepEqual(kinds(await fsck(bed, 1)), ['missing']);
    t.deepEqual((await fsck(bed, 0, '--repair', '--yes')).repaired, 1);
    t.is((await bed.cli('stat', 'web')).exitCode, 1);
  }));

test('a layer in the middle that was destroyed by hand is not forgotten as long as others stand on it', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    await rm(await place(bed, 'top'), { recursive: true });
    const { problems } = await fsck(bed, 1, '--repair', '--yes');
    t.like(problems, [{ kind: 'missing', repaired: false, error: '' }]);
    await bed.daemon.restart();
    // Now nothing knows what web stood on.
    const after = await fsck(bed, 1, '--repair', '--yes');
    t.like(after.problems, [{ kind: 'broken', repaired: false }]);
    t.is((await fsck(bed, 0, '--repair', '--yes', '--destroy', after.problems[0]?.id ?? '')).repaired, 1);
    t.deepEqual(kinds(await fsck(bed, 0)), []);
  }));

test('a cycle is told, and destroyed only if asked for', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const [base, top] = [await place(bed, 'base'), await place(bed, 'top')];
    await bed.daemon.terminate();
    const record = path.join(base, 'record.json');
    const document = JSON.parse(await readFile(record, 'utf8')) as object;
    await writeFile(record, JSON.stringify({ ...document, parent: path.basename(top) }));
    await bed.daemon.launch();
    const found = await fsck(bed, 1);
    t.deepEqual(kinds(found), ['broken', 'broken', 'broken']);
    const text = await bed.cli('fsck');
    t.regex(text.stdout, /its chain is a cycle/);
    t.is((await fsck(bed, 1, '--repair', '--yes')).repaired, 0);
    const ids = found.problems.flatMap(({ id }) => ['--destroy', id]);
    t.is((await fsck(bed, 0, '--repair', '--yes', ...ids)).repaired, 3);
  }));

test('damaged and lost records are written again, as the daemon knows them', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const record = path.join(await place(bed, 'web'), 'record.json');
    const whole = await readFile(record, 'utf8');
    for (const content of ['no JSON', whole.replace('"web"', '"bew"'), undefined]) {
      await (content === undefined ? rm(record) : writeFile(record, content));
      t.deepEqual(kinds(await fsck(bed, 1)), ['record']);
      t.is((await fsck(bed, 0, '--repair', '--yes')).repaired, 1);
      t.is(await readFile(record, 'utf8'), whole);
    }
  }));

test('what may be somebody’s data is kept until it is asked for', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const foreign = path.join(bed.snapshots, 'holiday-pictures');
    await mkdir(foreign);
    const text = await bed.cli('fsck', '--repair', '--yes');
    t.is(text.exitCode, 1);
    t.regex(text.stdout, /damaged .*holiday-pictures\n.*\n.*fsck --repair --destroy holiday-pictures/);
    t.is((await bed.cli('gc')).exitCode, 0);
    t.deepEqual(kinds(await fsck(bed, 1)), ['damaged']);
    t.is((await fsck(bed, 0, '--repair', '--yes', '--destroy', 'holiday-pictures')).repaired, 1);
    const stray = await bed.cli('fsck', '--repair', '--yes', '--destroy', 'holiday-pictures');
    t.is(stray.exitCode, 1);
    t.regex(stray.stderr, /destroy "holiday-pictures": nothing that could be destroyed/);
  }));

test('a record that came from elsewhere is taken in', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const from = await place(bed, 'web');
    const copy = path.join(bed.snapshots, '500');
    await execa('cp', ['-a', from, copy]);
    const record = await readFile(path.join(from, 'record.json'), 'utf8');
    const id = path.basename(from);
    await writeFile(
      path.join(copy, 'record.json'),
      record.replace(`"id":"${id}"`, '"id":"500"').replace('"web"', '"web2"'),
    );
    t.deepEqual(kinds(await fsck(bed, 1)), ['unknown']);
    t.is((await fsck(bed, 0, '--repair', '--yes')).repaired, 1);
    t.is((await bed.cli('stat', 'web2')).exitCode, 0);
  }));

test('an active layer’s work directory is made again; lost content is told', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    await rm(path.join(await place(bed, 'web'), 'work'), { recursive: true });
    t.deepEqual(kinds(await fsck(bed, 1)), ['work']);
    t.is((await fsck(bed, 0, '--repair', '--yes')).repaired, 1);
    const top = await place(bed, 'top');
    await rename(path.join(top, 'fs'), path.join(top, 'gone'));
    const { problems } = await fsck(bed, 1, '--repair', '--yes');
    t.like(problems, [{ kind: 'content', repaired: false }]);
  }));

test('fsck under load finds nothing that is not there', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    let isOver = false;
    const load = Array.from({ length: 4 }, async (_, worker) => {
      for (let i = 0; !isOver; i++) {
        const key = `load-${worker}-${i}`;
        await bed.layers(
          { do: 'prepare', key, parent: 'top' },
          { do: 'commit', key, name: `${key}-c` },
          { do: 'remove', key: `${key}-c` },
        );
      }
    });
    for (let i = 0; i < 8; i++) {
      const { problems } = JSON.parse((await bed.cli('fsck', '--json')).stdout) as Found;
      // What was removed may wait for a moment.
      t.deepEqual(
        problems.filter(({ kind }) => kind !== 'removed'),
        [],
      );
    }
    isOver = true;
    await Promise.all(load);
  }));
