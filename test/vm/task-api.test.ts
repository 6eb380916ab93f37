import test from 'ava';
import { useVm } from './with-vm.ts';

/* The comparison with runc's shim on containerd 1.7, where cgroups are v2 alone. */
const fixture = useVm(test);

const TIMEOUT_MS = 30 * 60_000;

test('each call gives what it gives with runc’s shim', async (t) => {
  t.timeout(TIMEOUT_MS);
  const { exitCode, stdout, stderr } = await fixture.vm.run(
    [
      ...['env', 'LXCRI_TEST_CALL_TIMEOUT_MS=60000', 'node', 'node_modules/ava/entrypoints/cli.mjs'],
      ...['--config', 'test/integration/ava-in-vm.config.js', 'test/integration/comparison/all.ts'],
    ],
    { timeoutMs: TIMEOUT_MS },
  );
  t.is(exitCode, 0, stdout + stderr);
  t.log(/\d+ tests passed/.exec(stdout)?.[0]);
});
