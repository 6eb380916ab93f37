import test from 'ava';
import { useVm } from './with-vm.ts';

/*
 * Tests of test/integration that depend on the kernel and on containerd most, where cgroups are v2 alone, with AppArmor
 * and containerd 1.7.
 */
const fixture = useVm(test);

const FILES = [
  'comparison/life',
  'comparison/exec',
  'comparison/control',
  'comparison/restart',
  'oom',
  'update',
  'stats',
];
const TIMEOUT_MS = 20 * 60_000;

for (const name of FILES) {
  test.serial(`${name}, in the machine`, async (t) => {
    t.timeout(TIMEOUT_MS);
    const { exitCode, stdout, stderr } = await fixture.vm.run(
      [
        ...['env', 'LXCRI_TEST_CALL_TIMEOUT_MS=60000', 'node', 'node_modules/ava/entrypoints/cli.mjs'],
        ...['--config', 'test/integration/ava-in-vm.config.js', `test/integration/${name}.test.ts`],
      ],
      { timeoutMs: TIMEOUT_MS },
    );
    t.is(exitCode, 0, stdout + stderr);
  });
}
