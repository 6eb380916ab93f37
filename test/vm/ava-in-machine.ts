import type { ExecutionContext } from 'ava';
import type { VmFixture } from './with-vm.ts';

/** Runs a file of test/integration in the machine, as a test that passes if all of it does. */
export async function runInMachine(
  t: ExecutionContext,
  { vm }: VmFixture,
  file: string,
  timeoutMs: number,
): Promise<void> {
  t.timeout(timeoutMs);
  const argv = [
    ...['env', 'LXCRI_TEST_CALL_TIMEOUT_MS=60000'],
    ...['node', 'node_modules/ava/entrypoints/cli.mjs', '--config', 'test/integration/ava-in-vm.config.js'],
    `test/integration/${file}`,
  ];
  const { exitCode, stdout, stderr } = await vm.run(argv, { timeoutMs });
  t.is(exitCode, 0, stdout + stderr);
  t.log(/\d+ tests passed/.exec(stdout)?.[0]);
}
