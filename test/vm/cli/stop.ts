import { eventually } from '../../support/eventually.ts';
import { findBackgroundVm } from './background-vm.ts';

export async function stop(): Promise<number> {
  const running = await findBackgroundVm();
  if (running === undefined) {
    process.stdout.write('No VM of this checkout is running.\n');
    return 0;
  }
  process.kill(running.pid, 'SIGTERM');
  await eventually(async () => ((await findBackgroundVm()) === undefined ? true : undefined));
  process.stdout.write('The VM is stopped.\n');
  return 0;
}
