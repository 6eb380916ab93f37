import { rm } from 'node:fs/promises';
import test from 'ava';
import { SNAPSHOTTER } from '../../support/snapshotter.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { buildSuite, type SuiteBinaries } from './build-suite.ts';
import { expectPassed, runSuite } from './run-suite.ts';

let directory: string;
let binaries: SuiteBinaries;

test.before('build the suites', async (t) => {
  t.timeout(600_000);
  directory = await makeTempDir();
  binaries = await buildSuite(directory);
});

test.after.always('remove the suites', async () => {
  await rm(directory, { recursive: true, force: true });
});

/** What overlayfs, or containerd's database, does otherwise: each test's comment says how. */
const NOT_OF_OVERLAYFS = ['CommitFreezes', 'Empty', 'HardLinksChangedInChild', 'RootDirectory'];

test('the suites pass on containerd’s own overlayfs snapshotter', async (t) => {
  for (const binary of [binaries.suite, binaries.suite17]) {
    const run = await runSuite({
      binary,
      subject: { daemon: `${binaries.reference} overlayfs {root} {socket}` },
      name: 'overlayfs',
      skip: `TestExtra/^(${NOT_OF_OVERLAYFS.join('|')})$`,
    });
    expectPassed(t, run);
  }
});

/** What no overlayfs can: keep hard links together when one is written to, and freeze what somebody has mounted. */
const NOT_OF_OVERLAY_STORE = ['HardLinksChangedInChild', 'CommitFreezes'];

test('the suites pass on LayerFS’s overlay store', async (t) => {
  for (const binary of [binaries.suite, binaries.suite17]) {
    const run = await runSuite({
      binary,
      subject: { daemon: `${SNAPSHOTTER} --store overlay --root {root} --socket {socket}` },
      skip: `TestExtra/^(${NOT_OF_OVERLAY_STORE.join('|')})$`,
    });
    expectPassed(t, run);
  }
});
