import test from 'ava';
import { runInMachine } from '../ava-in-machine.ts';
import { useVm } from '../with-vm.ts';

/* criu does not work on every host's kernel; on the machine's it does. */
const fixture = useVm(test);

test('ctr’s checkpoints and restores', (t) => runInMachine(t, fixture, 'in-vm/checkpoint-ctr.test.ts', 15 * 60_000));
