import { hasKeeper, killKeptDaemon } from '../../support/keeper.ts';
import type { Fault } from './fault.ts';

/** kill -9 of the daemon, whatever it is doing. Nobody is to notice: it excuses nothing. */
export const killDaemon: Fault = {
  name: 'kill -9 of the daemon',
  meanMs: 3000,
  async strike(world) {
    const { containerd, windows } = world;
    if (!(await hasKeeper(containerd.runDir))) return undefined;
    // But for what containerd itself gives only 2 s, which a slow machine may need for a daemon's start.
    const daemon = await windows.during('stopped', () => killKeptDaemon(containerd.runDir));
    if (daemon === 0) return undefined;
    world.note(`kill -9 of the daemon ${daemon}`);
    return 'killed';
  },
};
