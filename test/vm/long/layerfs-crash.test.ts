/**
 * What a fall leaves, and what goes wrong around a daemon, on real OpenZFS: the programs of crash/ show it in the
 * machine, since each step from here would take longer there than the step itself.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { makeTempDir } from '../../support/temp-dir.ts';
import { PROGRAMS } from './crash/bed.ts';
import { buildPrograms } from './crash/programs.ts';
import type { ReportLine } from './crash/report.ts';
import { useVm } from '../with-vm.ts';

const fixture = useVm(test);
const REMOTE = '/tmp/crash';

test.serial.before('copy the programs', async (t) => {
  t.timeout(300_000);
  const directory = await makeTempDir();
  try {
    await buildPrograms(directory, path.join(import.meta.dirname, 'crash/driver.ts'));
    for (const name of Object.values(PROGRAMS))
      await fixture.vm.copyIn(path.join(directory, name), `${REMOTE}/${name}`);
  } finally {
    await rm(directory, { recursive: true });
  }
  await fixture.vm.succeed(['zpool', 'create', '-O', 'mountpoint=none', 'tank', '/dev/disk/by-id/virtio-scratch']);
});

/** Topics of crash/driver.ts; side by side they would wait for two emulated CPUs, and for each other's daemons. */
const TOPICS = [
  ['the daemon killed at every step', 'kill-daemon'],
  ['the worker killed at every step', 'kill-worker'],
  ['the daemon killed while it starts for the first time', 'first-start'],
  ['the daemon killed while it clears away, and a worker that stands still', 'starts'],
  ['a container’s file system busy, under load, unmounted or destroyed by hand', 'faults'],
  ['a pool full, exported or not there', 'pools'],
] as const;

for (const [title, topic] of TOPICS) {
  test.serial(title, async (t) => {
    t.timeout(25 * 60_000);
    const { stdout, stderr, exitCode } = await fixture.vm.run(['node', `${REMOTE}/${PROGRAMS.driver}`, topic], {
      timeoutMs: 24 * 60_000,
    });
    const lines = stdout.split('\n').filter((line) => line !== '');
    const results = lines.map((line) => JSON.parse(line) as ReportLine);
    for (const { ok, title: what, text } of results) t.log(`${ok ? '' : 'FAILED '}${what.slice(0, 150)}: ${text}`);
    t.deepEqual(
      results.filter(({ ok }) => !ok).map(({ title: what }) => what),
      [],
    );
    t.true(results.length > 1 && exitCode === 0, stderr);
  });
}
