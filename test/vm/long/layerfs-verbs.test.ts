/** `proxmox-lxcri layerfs` on real ZFS: what the overlay store cannot do, and what can go wrong with datasets. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { build } from 'esbuild';
import { eventually } from '../../support/eventually.ts';
import type { LayerStep } from '../../support/make-layers.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { CHECKOUT_BIN } from '../checkout.ts';
import type { RunResult } from '../vm.ts';
import { useLayerFs } from '../with-layerfs.ts';

const fixture = useLayerFs(test);

const LXCRI = `${CHECKOUT_BIN}/proxmox-lxcri`;
const MAKE_LAYERS = '/root/make-layers.mjs';
/** The other host's pool, and the daemon on it. */
const OTHER = { pool: 'other', root: '/var/lib/layerfs-other', socket: '/run/layerfs-other.sock' };
const TIMEOUT_MS = 240_000;

const shell = (script: string) => fixture.vm.succeed(['bash', '-ec', script], { timeoutMs: TIMEOUT_MS });

/** A Node in the machine takes seconds to start without KVM: so a test does all that it can in one of them. */
const layers = (...steps: readonly LayerStep[]) =>
  fixture.vm.succeed(['node', MAKE_LAYERS, fixture.socket, JSON.stringify(steps)], { timeoutMs: TIMEOUT_MS });

const cliOn = (socket: string, ...args: readonly string[]): Promise<RunResult> =>
  fixture.vm.run([LXCRI, 'layerfs', ...args], { env: { LAYERFS_SOCKET: socket }, timeoutMs: TIMEOUT_MS });
const cli = (...args: readonly string[]) => cliOn(fixture.socket, ...args);
const other = (...args: readonly string[]) => cliOn(OTHER.socket, ...args);

interface Found {
  readonly problems: readonly { readonly kind: string; readonly id: string; readonly place: string }[];
  readonly repaired: number;
}
const problemsOf = ({ stdout }: RunResult) => (JSON.parse(stdout) as Found).problems;
const kindsOf = (result: RunResult) =>
  problemsOf(result)
    .map(({ kind }) => kind)
    .sort();

async function startOther(): Promise<void> {
  const { pool, root, socket } = OTHER;
  const args = `--dataset ${pool}/layerfs --root ${root} --socket ${socket}`;
  await shell(`
    rm -f ${socket}
    setsid ${CHECKOUT_BIN}/layerfs-snapshotter ${args} >/root/other.log 2>&1 </dev/null & echo $! >/root/other.pid
    until [ -S ${socket} ]; do sleep 0.2; done`);
}

test.serial.before('bring in what makes layers; start the other host', async (t) => {
  t.timeout(600_000);
  const directory = await makeTempDir();
  const outfile = path.join(directory, 'make-layers.mjs');
  await build({
    entryPoints: [path.resolve(import.meta.dirname, '../../support/make-layers-main.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  await fixture.vm.copyIn(outfile, MAKE_LAYERS);
  await rm(directory, { recursive: true });
  await shell(`zpool create -O mountpoint=none ${OTHER.pool} /dev/disk/by-id/virtio-scratch2`);
  await startOther();
  await layers(
    {
      do: 'prepare',
      key: 'k1',
      script: 'yes hello | head -c 300000 >big; mkdir d; echo 1 >d/f; ln d/f d/g; chown 5:6 d',
    },
    { do: 'commit', key: 'k1', name: 'base' },
    // The mark is found again on the disk, since noise cannot be compressed.
    {
      do: 'prepare',
      key: 'k2',
      parent: 'base',
      script: 'rm d/g; (echo LAYERFS-VERIFY-MARK; head -c 3000000 /dev/urandom) >noise',
    },
    { do: 'commit', key: 'k2', name: 'top' },
    { do: 'prepare', key: 'web', parent: 'top', script: 'echo first >state' },
  );
});

test.serial('what is in the store, and on which store', async (t) => {
  const { stdout } = await cli('stats', '--json');
  const stats = JSON.parse(stdout) as { layers: { name: string; inodes: number; space: { ratio: number } }[] };
  t.like(stats, { store: 'zfs', location: fixture.dataset, committed: 2, active: 1, removed: [] });
  const base = stats.layers.find(({ name }) => name === 'base');
  t.is(base?.inodes, 3);
  t.true((base?.space.ratio ?? 0) > 2);
});

test.serial('snapshot, rollback, clone, promote', async (t) => {
  t.is((await cli('snapshot', 'web', 'one')).exitCode, 0);
  await layers({ do: 'run', key: 'web', script: 'echo second >state' });
  t.is((await cli('snapshot', 'web', 'two')).exitCode, 0);
  t.is((await cli('clone', 'web', 'copy', '--from', 'one')).exitCode, 0);
  t.is((await cli('clone', 'web', 'now')).exitCode, 0);
  const read = (key: string): LayerStep => ({ do: 'run', key, script: 'cat state' });
  t.is(await layers(read('copy'), read('now')), 'first\nsecond');
  const blocked = await cli('snapshot', '--delete', 'web', 'one');
  t.is(blocked.exitCode, 1);
  t.regex(blocked.stderr, /snapshot "one", or a later one, is what "copy" was cloned from: .*promote copy/);
  t.is((await cli('promote', 'copy')).exitCode, 0);
  const unasked = await cli('rollback', 'copy', 'one');
  t.is(unasked.exitCode, 2);
  t.regex(unasked.stderr, /Throw away all that was written to copy since one\? .* --yes/);
  await layers({ do: 'run', key: 'copy', script: 'echo third >state' });
  t.is((await cli('rollback', '--yes', 'copy', 'one')).exitCode, 0);
  t.is(await layers(read('copy')), 'first');
  t.regex(
    (await cli('rollback', '--yes', 'copy', 'nope')).stderr,
    /snapshot "nope" of "copy" does not exist: it has one/,
  );
  t.regex((await cli('snapshot', 'copy', 'layer')).stderr, /snapshot "layer" cannot be a name/);
  t.regex((await cli('snapshot', 'top', 'x')).stderr, /"top" is committed/);
  t.is((await cli('fsck')).exitCode, 0);
});

test.serial('the source of clones goes, and they stay', async (t) => {
  await layers({ do: 'remove', key: 'web' });
  t.is((await cli('gc')).exitCode, 0);
  t.is(await layers({ do: 'run', key: 'now', script: 'cat state' }), 'second');
  t.deepEqual(kindsOf(await cli('fsck', '--json')), []);
  for (const name of ['now', 'copy']) t.is((await cli('rm', name)).exitCode, 0);
});

test.serial('flatten: one dataset without an origin, with all that the chain shows', async (t) => {
  t.is((await cli('flatten', 'top', 'flat')).exitCode, 0);
  const sums = 'find . -type f -exec md5sum {} + | sort; find . -printf "%P %m %U %G %y\\n" | sort';
  const view = (parent: string): LayerStep[] => [
    { do: 'view', key: `v-${parent}`, parent, script: sums },
    { do: 'remove', key: `v-${parent}` },
  ];
  t.is(await layers(...view('flat')), await layers(...view('top')));
  t.is((await cli('rm', 'flat')).exitCode, 0);
});

test.serial('send to another host’s pool, whole, twice, cut off, damaged, interrupted', async (t) => {
  t.is((await cli('send', 'top', '-o', '/root/top.layers')).exitCode, 0);
  await shell(`
    cd /root; size=$(stat -c %s top.layers); head -c $((size * 3 / 4)) top.layers >cut.layers
    cp top.layers flipped.layers
    printf '\\377' | dd of=flipped.layers bs=1 seek=$((size / 2)) conv=notrunc status=none`);
  for (const [file, says] of [
    ['cut', /the stream ends early, after \d+ bytes/],
    ['flipped', /the stream is damaged before byte \d+/],
  ] as const) {
    const { exitCode, stderr } = await other('receive', '--prefix', `${file}-`, `/root/${file}.layers`);
    t.is(exitCode, 1);
    t.regex(stderr, says);
  }
  t.regex((await other('receive', '/etc/passwd')).stderr, /the stream is none of `proxmox-lxcri layerfs send`/);
  t.regex((await other('receive', '/root/top.layers')).stdout, /^base received, .*\ntop received, .*\n$/);
  t.regex((await other('receive', '/root/top.layers')).stdout, /^base is there already\ntop is there already\n$/);
  t.is((await other('fsck')).exitCode, 0);
});

test.serial('a receive whose command line or daemon is killed leaves nothing', async (t) => {
  // Nothing in the background keeps the script's own output open, or it would not end.
  const begin = `
    LAYERFS_SOCKET=${OTHER.socket} setsid ${LXCRI} layerfs receive --prefix killed- >/dev/null 2>&1 \\
      < <(exec 2>/dev/null; head -c 1500000 /root/top.layers; sleep 600) & echo $! >/root/cli.pid
    until pgrep -x zfs >/dev/null; do sleep 0.1; done; sleep 2`;
  await shell(`${begin}; kill -KILL $(cat /root/cli.pid)`);
  await eventually(async () => ((await other('fsck')).exitCode === 0 ? true : undefined), { timeoutMs: TIMEOUT_MS });
  await shell(`${begin}; kill -KILL $(cat /root/other.pid); sleep 1; kill -KILL $(cat /root/cli.pid) || true`);
  await startOther();
  t.is((await other('gc')).exitCode, 0);
  t.deepEqual(kindsOf(await other('fsck', '--json')), []);
  const names = (JSON.parse((await other('ls', '--json')).stdout) as { name: string }[]).map(({ name }) => name);
  t.false(names.includes('killed-top'));
});

test.serial('verify names the layer with a damaged block', async (t) => {
  t.is((await other('verify')).exitCode, 0);
  await shell(`
    zpool export ${OTHER.pool}
    disk=/dev/disk/by-id/virtio-scratch2
    for part in $disk-part1 $disk; do [ -e $part ] && break; done
    # What was received in part, and destroyed, is still on the disk too.
    for offset in $(head -c 400M $part | grep -abo LAYERFS-VERIFY-MARK | cut -d: -f1); do
      dd if=/dev/urandom of=$part bs=1 count=100 seek=$((offset + 64)) conv=notrunc,fsync status=none
    done
    zpool import ${OTHER.pool}`);
  const { exitCode, stdout } = await other('verify', '--json');
  t.is(exitCode, 1);
  const verified = JSON.parse(stdout) as { layers: { name: string; error: string }[] };
  t.deepEqual(
    verified.layers.filter(({ error }) => error !== '').map(({ name }) => name),
    ['top'],
  );
  t.regex(verified.layers.find(({ name }) => name === 'top')?.error ?? '', /zpool status -v other/);
});

test.serial('fsck finds what was made by hand, and mends what loses nothing', async (t) => {
  const { dataset } = fixture;
  await layers(
    { do: 'prepare', key: 'lost', parent: 'top' },
    { do: 'prepare', key: 'record', parent: 'top' },
    { do: 'prepare', key: 'k3', parent: 'top', script: 'echo 4 >four' },
    { do: 'commit', key: 'k3', name: 'leaf' },
  );
  const place = async (name: string) =>
    (JSON.parse((await cli('stat', name, '--json')).stdout) as { place: string }).place;
  const [lost, record, leaf] = [await place('lost'), await place('record'), await place('leaf')];
  await shell(`
    umount $(findmnt -n -o TARGET -S ${lost}) 2>/dev/null || true; zfs destroy ${lost}
    zfs inherit layerfs:record ${record}
    zfs destroy ${leaf}@layer
    zfs create ${dataset}/900
    zfs create ${dataset}/somebodys
    zfs snapshot ${record}@layerfs-verify
    mkdir -p ${fixture.root}/mnt/77; mount -t zfs ${leaf} ${fixture.root}/mnt/77`);
  const found = await cli('fsck', '--json');
  t.is(found.exitCode, 1);
  const expected = ['damaged', 'leftover', 'missing', 'mount', 'orphan', 'record', 'snapshot'];
  t.deepEqual(kindsOf(found), expected);
  const repaired = JSON.parse((await cli('fsck', '--repair', '--yes', '--json')).stdout) as Found;
  t.is(repaired.repaired, expected.length - 1);
  const left = await cli('fsck', '--json');
  t.deepEqual(
    problemsOf(left).map(({ place: each }) => each),
    [`${dataset}/somebodys`],
  );
  t.is((await cli('fsck', '--repair', '--yes', '--destroy', `${dataset}/somebodys`)).exitCode, 0);
  t.is(await layers({ do: 'prepare', key: 'on-leaf', parent: 'leaf', script: 'cat four' }), '4');
  t.is((await cli('fsck')).exitCode, 0);
});
