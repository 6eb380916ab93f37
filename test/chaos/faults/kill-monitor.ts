import { monitorOf } from '../../support/shim-processes.ts';
import { choose, signal, type Fault } from './fault.ts';

/** kill -9 of a container's monitor, or of its driver: the container ends as one that was killed. */
export const killMonitor: Fault = {
  name: 'kill -9 of a monitor or driver',
  meanMs: 12_000,
  async strike(world, random) {
    const life = choose(world, random, ({ hasMonitor }) => hasMonitor);
    const victim = random.pick(['monitor', 'driver'] as const);
    if (life === undefined) return undefined;
    const { runDir, namespace } = world.containerd;
    const pid = await monitorOf(runDir, namespace, life.id).then(
      (found) => found[victim],
      () => 0,
    );
    if (pid === 0 || !life.hasMonitor) return undefined;
    life.noteKill();
    world.note(`kill -9 of ${pid}, the ${victim} of ${life.id}`);
    return signal(pid, 'SIGKILL') ? victim : undefined;
  },
};
