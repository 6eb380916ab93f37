import test from 'ava';
import { runInMachine } from '../ava-in-machine.ts';
import { useVm } from '../with-vm.ts';

const fixture = useVm(test);

test('checkpoints that are cut off, and all that a restored container can', (t) =>
  runInMachine(t, fixture, 'in-vm/checkpoint-criu.test.ts', 15 * 60_000));
