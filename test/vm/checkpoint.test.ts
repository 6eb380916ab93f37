import test from 'ava';
import { useVm } from './with-vm.ts';

/* criu does not work on every host's kernel; on the machine's it does. What is made with it is proved here alone. */
const fixture = useVm(test);

const TIMEOUT_MS = 8 * 60_000;

for (const file of ['checkpoint-criu', 'checkpoint-ctr']) {
  test.serial(`${file}, in the machine`, async (t) => {
    t.timeout(TIMEOUT_MS);
    const argv = [
      ...['env', 'LXCRI_TEST_CALL_TIMEOUT_MS=60000'],
      ...['node', 'node_modules/ava/entrypoints/cli.mjs', '--config', 'test/integration/ava-in-vm.config.js'],
      `test/integration/in-vm/${file}.test.ts`,
    ];
    const { exitCode, stdout, stderr } = await fixture.vm.run(argv, { timeoutMs: TIMEOUT_MS });
    t.is(exitCode, 0, stdout + stderr);
  });
}
