/** The process that `npm run vm:start` leaves behind: it owns the machine, and its end is the machine's. */
import { messageOf } from '../../../common/errors.ts';
import { startVm } from '../start-vm.ts';
import { forgetBackgroundVm, recordBackgroundVm } from './background-vm.ts';

/** What it tells the one who started it, who leaves after `ready` or `failed`. */
export type KeeperMessage = { readonly step: string } | { readonly ready: true } | { readonly failed: string };

function tell(message: KeeperMessage): void {
  if (process.connected) process.send?.(message);
}

async function keep(): Promise<void> {
  const vm = await startVm({
    progress: (step) => {
      tell({ step });
    },
  });
  // Not `once`: execa's own listener ends the process if it finds itself alone.
  const stopped = new Promise((resolve) => process.on('SIGTERM', resolve).on('SIGINT', resolve));
  await recordBackgroundVm({ pid: process.pid, runDirectory: vm.runDirectory });
  tell({ ready: true });
  if (process.connected) process.disconnect();
  await Promise.race([stopped, vm.ended]);
  await forgetBackgroundVm();
  await vm.stop();
}

try {
  await keep();
} catch (error) {
  tell({ failed: messageOf(error) });
  process.exitCode = 1;
}
