import { fork } from 'node:child_process';
import path from 'node:path';
import { stderrProgress } from '../progress.ts';
import { findBackgroundVm } from './background-vm.ts';
import type { KeeperMessage } from './keeper.ts';

const HOW_TO_GO_ON = `The VM is running. npm run vm -- COMMAND uses it; npm run vm:stop stops it.\n`;

export async function start(): Promise<number> {
  if ((await findBackgroundVm()) === undefined) await startKeeper();
  process.stdout.write(HOW_TO_GO_ON);
  return 0;
}

/** Leaves a process of its own session behind, which a ctrl-c or the end of the terminal does not reach. */
async function startKeeper(): Promise<void> {
  const progress = stderrProgress();
  const keeper = fork(path.join(import.meta.dirname, 'keeper.ts'), {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    keeper.on('message', (message: KeeperMessage) => {
      if ('step' in message) progress(message.step);
      else resolve('failed' in message ? message.failed : undefined);
    });
    keeper.once('exit', (code, signal) => {
      resolve(`the process that keeps the VM ended (${String(code ?? signal)})`);
    });
  });
  if (failure !== undefined) throw new Error(failure);
  if (keeper.connected) keeper.disconnect();
  keeper.unref();
}
