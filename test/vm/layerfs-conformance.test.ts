import { rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { buildSuite, type SuiteBinaries } from '../conformance/snapshotter/build-suite.ts';
import {
  expectPassed,
  readSuiteRun,
  suiteArguments,
  suiteEnvironment,
  suiteTimeout,
  type SuiteRun,
} from '../conformance/snapshotter/run-suite.ts';
import { eventually } from '../support/eventually.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { useLayerFs } from './with-layerfs.ts';

const fixture = useLayerFs(test);

let directory: string;
let binaries: SuiteBinaries;

test.serial.before('build the suites', async (t) => {
  t.timeout(600_000);
  directory = await makeTempDir();
  binaries = await buildSuite(directory);
});

test.after.always('remove the suites', async () => {
  await rm(directory, { recursive: true, force: true });
});

/** One daemon serves all tests, since each start takes seconds without KVM. */
async function runInVm(binary: string): Promise<SuiteRun> {
  const { vm } = fixture;
  const remote = `/tmp/${path.basename(binary)}`;
  await vm.copyIn(binary, remote);
  const options = {
    binary: remote,
    subject: { socket: fixture.socket },
    // Minutes without KVM; containerd's 128LayersMount goes deep, too. Both run on the overlay store.
    skip: 'TestExtra/^DeepLayers$',
    timeoutMs: 15 * 60_000,
  };
  const { exitCode, stdout, stderr } = await vm.run([remote, ...suiteArguments(options)], {
    timeoutMs: suiteTimeout(options),
    env: { ...suiteEnvironment(options), TMPDIR: '/tmp' },
  });
  return readSuiteRun(stdout + stderr, exitCode, []);
}

test.serial('containerd’s suite and ours pass on the zfs store', async (t) => {
  expectPassed(t, await runInVm(binaries.suite));
});

test.serial('what was removed leaves no dataset behind', async (t) => {
  const left = await eventually(async () => {
    const datasets = await fixture.vm.succeed(['zfs', 'list', '-H', '-r', '-o', 'name', fixture.dataset]);
    return datasets.split('\n').length === 2 ? datasets : undefined;
  });
  t.is(left, `${fixture.dataset}\n${fixture.dataset}/empty`);
});
