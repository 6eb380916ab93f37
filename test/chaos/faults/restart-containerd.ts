import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const AWAY_MS = 1500;

/** containerd goes, in order or not, and comes back. It excuses what broke on its connections, and nothing else. */
export const restartContainerd: Fault = {
  name: 'restart of containerd',
  meanMs: 20_000,
  async strike({ containerd, client, windows }, random) {
    const signal = random.pick(['SIGTERM', 'SIGKILL'] as const);
    const away = random.fraction() * AWAY_MS;
    await windows.during('restart', async () => {
      await containerd.terminate(signal);
      await sleep(away);
      await containerd.launch();
      await client.listens();
    });
    return signal;
  },
};
