/** flatten, verify, rm on the overlay store: everything preserved, nothing seen before it is whole. */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { execa } from 'execa';
import { eventually } from '../../support/eventually.ts';
import { LXCRI } from '../../support/layerfs-cli.ts';
import { CHAIN, withStore, type StoreBed } from './with-store.ts';

/** setxattr(2) and getxattr(2) on x86-64, as not every host has setfattr(1). */
const SET = `my ($f,$n,$v)=@ARGV; syscall(188,$f,$n,$v,length $v,0)==0 or die $!`;

const MAKE = `
  echo content > file; chmod 4711 file; chown 5:6 file
  mkdir -p d/e; chmod 2750 d; ln file d/link; mknod dev c 1 3; mkfifo pipe; ln -s /nope symlink
  truncate -s 1G sparse; touch -d '2001-02-03 04:05:06.789' d/old; : > "$(printf 'bad\\377name')"
  perl -e '${SET}' file user.note value; perl -e '${SET}' d trusted.note value`;

/** All that a tree is: names, types, modes, owners, times, links, sizes, blocks, extended attributes, content. */
const DESCRIBE = `
  find . -printf '%P %y %m %U %G %n %s %T@ %l %t\\n' | LC_ALL=C sort
  find . -type f ! -name sparse -exec md5sum {} + | LC_ALL=C sort
  perl -e 'for (["file","user.note"],["d","trusted.note"]) { my ($f,$n)=@$_; my $b="\\0"x20; print syscall(191,$f,$n,$b,20), $b, "\\n" }'
  test "$(stat -c %b sparse)" -lt 100 && stat -c '%t:%T' dev`;

async function describe(bed: StoreBed, name: string): Promise<string> {
  const key = `look-${name}`;
  const text = await bed.layers({ do: 'view', key, parent: name, script: DESCRIBE }, { do: 'remove', key });
  // A directory's size and link count are the file system's own affair.
  return text.replaceAll(/ d (\d+) (\d+) (\d+) \d+ \d+ /g, ' d $1 $2 $3 ');
}

test('flatten preserves everything that a chain shows', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(
      { do: 'prepare', key: 'a', script: MAKE },
      { do: 'commit', key: 'a', name: 'base' },
      {
        do: 'prepare',
        key: 'b',
        parent: 'base',
        script: 'rm d/old; rmdir d/e; mkdir d/e; echo new > d/e/new; chmod 711 .',
      },
      { do: 'commit', key: 'b', name: 'top' },
    );
    const made = (await bed.json(['flatten', 'top', 'flat'])) as { name: string; parent: string; kind: string };
    t.like(made, { name: 'flat', parent: '', kind: 'committed' });
    t.is(await describe(bed, 'flat'), await describe(bed, 'top'));
    t.is((await bed.cli('fsck')).exitCode, 0);
    await bed.daemon.restart('SIGKILL');
    t.is(await describe(bed, 'flat'), await describe(bed, 'top'));
    t.is((await bed.cli('rm', 'flat')).exitCode, 0);
    t.is((await bed.cli('fsck')).exitCode, 0);
  }));

test('flatten of one layer, of many, and of what cannot be flattened', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    t.is((await bed.cli('flatten', 'base', 'one')).exitCode, 0);
    for (let i = 0, parent = 'top'; i < 128; parent = `deep-${i++}`) {
      await bed.layers({ do: 'prepare', key: 'k', parent }, { do: 'commit', key: 'k', name: `deep-${i}` });
    }
    t.is((await bed.cli('flatten', 'deep-127', 'all')).exitCode, 0);
    const active = await bed.cli('flatten', 'web', 'x');
    t.is(active.exitCode, 1);
    t.regex(active.stderr, /"web" is active: only a committed layer/);
    const taken = await bed.cli('flatten', 'top', 'one');
    t.is(taken.exitCode, 1);
    t.regex(taken.stderr, /"one" already exists/);
    t.is((await bed.cli('flatten', 'top', '')).exitCode, 1);
  }));

test('containerd’s own layers are not removed by hand, unless forced', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const { exitCode, stderr } = await bed.cli('rm', 'web');
    t.is(exitCode, 1);
    t.regex(stderr, /"web" is containerd's: remove its image or container there .* --force/);
    t.is((await bed.cli('rm', '--force', 'web')).exitCode, 0);
    t.is((await bed.cli('stat', 'web')).exitCode, 1);
  }));

test('verify reads all layers, or a chain', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const all = (await bed.json(['verify'])) as { damaged: number; layers: { name: string }[] };
    t.deepEqual([all.damaged, all.layers.map(({ name }) => name)], [0, ['base', 'top', 'web']]);
    const chain = (await bed.json(['verify', 'top'])) as { layers: { name: string }[] };
    t.deepEqual(
      chain.layers.map(({ name }) => name),
      ['base', 'top'],
    );
    t.regex((await bed.cli('verify')).stdout, /^3 layers, .* read, 0 damaged\n$/);
  }));

/** Large enough to be caught in the middle. */
const LARGE = 'for i in $(seq 4000); do echo $i > f$i; done; head -c 400000000 /dev/zero | tr "\\0" x > big';

test.serial('who interrupts a flatten finds nothing of it: Ctrl-C, a killed command line, a killed daemon', (t) =>
  withStore(t, async (bed) => {
    await bed.layers({ do: 'prepare', key: 'a', script: LARGE }, { do: 'commit', key: 'a', name: 'large' });
    for (const [victim, signal] of [
      ['cli', 'SIGINT'],
      ['cli', 'SIGKILL'],
      ['daemon', 'SIGKILL'],
    ] as const) {
      const cli = execa(LXCRI, ['layerfs', 'flatten', 'large', 'flat'], {
        env: { LAYERFS_SOCKET: bed.daemon.socket },
        reject: false,
        stdin: 'ignore',
      });
      await eventually(async () => ((await mergedMounts(bed)) > 0 ? true : undefined), { intervalMs: 5 });
      await sleep(20);
      if (victim === 'cli') cli.kill(signal);
      else await bed.daemon.restart(signal);
      const { exitCode } = await cli;
      t.is(exitCode, signal === 'SIGINT' ? 130 : victim === 'cli' ? undefined : 1);
      await eventually(async () => ((await bed.cli('fsck')).exitCode === 0 ? true : undefined));
      t.is(await mergedMounts(bed), 0);
      t.is((await bed.cli('stat', 'flat')).exitCode, 1);
    }
    t.is((await bed.cli('flatten', 'large', 'flat')).exitCode, 0);
  }),
);

async function mergedMounts(bed: StoreBed): Promise<number> {
  const { stdout } = await execa('cat', ['/proc/self/mountinfo']);
  return stdout.split('\n').filter((line) => line.includes(bed.snapshots) && line.includes('/merged ')).length;
}

test('what reads a pipe may leave', (t) =>
  withStore(t, async (bed) => {
    await bed.layers(...CHAIN);
    const script = `${LXCRI} layerfs ls --json --socket ${bed.daemon.socket} | head -c 1`;
    const { exitCode, stdout, stderr } = await execa('sh', ['-c', script], { reject: false });
    t.deepEqual([exitCode, stdout, stderr], [0, '[', '']);
  }));
