import test from 'ava';
import { runInMachine } from './ava-in-machine.ts';
import { useVm } from './with-vm.ts';

/* The comparison with runc's shim on containerd 1.7, where cgroups are v2 alone; long/ has the rest of it. */
const fixture = useVm(test);

test('a container’s life gives clients what it gives with runc’s shim', (t) =>
  runInMachine(t, fixture, 'comparison/life.test.ts', 15 * 60_000));
