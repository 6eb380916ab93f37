import { rm } from 'node:fs/promises';
import test from 'ava';
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
