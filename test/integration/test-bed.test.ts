/** The test bed itself: what it calls nothing left must be nothing, and what is left it must find. */
import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { cleanUp } from '../support/clean-up.ts';
import { cgroupHierarchies } from '../support/host.ts';
import { leftovers, traces } from '../support/leftovers.ts';
import { isAlive } from '../support/processes.ts';
import { makeTempDir } from '../support/temp-dir.ts';

async function bed() {
  const dir = await makeTempDir();
  const marker = path.basename(dir);
  const scope = { marker, directories: [path.join(dir, 'state')] };
  return { dir, marker, scope, before: await traces(scope) };
}

/** A process that names the marker in its environment alone. */
function spawnMarked(marker: string) {
  return execa('sleep', ['1000'], { env: { SOMETHING: marker }, reject: false, cleanup: true, timeout: 60_000 });
}

test('a process, a mount, a cgroup, a file: each is found', async (t) => {
  const { dir, marker, scope, before } = await bed();
  t.deepEqual(leftovers(before, await traces(scope)), []);

  const child = spawnMarked(marker);
  await mkdir(path.join(dir, 'state/one'), { recursive: true });
  await mkdir(path.join(dir, 'mnt'));
  await execa('mount', ['-t', 'tmpfs', marker, path.join(dir, 'mnt')], { timeout: 10_000 });
  const cgroups = (await cgroupHierarchies()).map((root) => path.join(root, `${marker}-left`));
  for (const cgroup of cgroups) await mkdir(cgroup);

  const found = leftovers(before, await traces(scope));
  for (const cgroup of cgroups) await rmdir(cgroup);
  const forced = await cleanUp({ dir, marker, cgroups: [], lingerMs: 0 });
  await child;

  t.deepEqual(
    found.filter((line) => line.startsWith('cgroup')),
    cgroups.map((cgroup) => `cgroup ${cgroup}`).sort(),
  );
  const others = found.filter((line) => !line.startsWith('cgroup'));
  t.is(others.length, 3, others.join('\n'));
  t.is(others[0], `file ${dir}/state/one`);
  t.true(others[1]?.startsWith('mount ') && others[1].includes(`${dir}/mnt `));
  t.is(others[2], `process ${child.pid ?? 0} sleep 1000`);
  t.deepEqual(forced, [`process ${child.pid ?? 0} sleep 1000`, `mount ${dir}/mnt`]);
  t.deepEqual(leftovers(before, await traces(scope)), []);
});

test('what an own mount namespace hides is found by its root', async (t) => {
  const { dir, marker, scope, before } = await bed();
  await mkdir(path.join(dir, 'root'));
  const script =
    'mount -t tmpfs "$1" "$1/root" && cp /bin/busybox "$1/root" && exec chroot "$1/root" /busybox sleep 1001';
  const inside = execa('unshare', ['--mount', 'env', '-i', 'sh', '-c', script, 'sh', dir], {
    reject: false,
    cleanup: true,
    timeout: 60_000,
  });
  let found: string[] = [];
  while (!found.some((line) => line.endsWith('/busybox sleep 1001'))) {
    if (inside.pid === undefined || !(await isAlive(inside.pid))) throw new Error('it ended too early');
    found = leftovers(before, await traces(scope));
  }
  t.is(found.length, 1, found.join('\n'));
  await cleanUp({ dir, marker, cgroups: [], lingerMs: 0 });
  t.false(await isAlive(inside.pid ?? 0));
  await inside;
});
