import test from 'ava';
import { runInMachine } from '../ava-in-machine.ts';
import { useVm } from '../with-vm.ts';

/* The whole comparison with runc's shim on containerd 1.7. */
const fixture = useVm(test);

test('each call gives what it gives with runc’s shim', (t) =>
  runInMachine(t, fixture, 'comparison/all.ts', 30 * 60_000));
