import { setTimeout as sleep } from 'node:timers/promises';
import { processesOf } from '../../support/processes.ts';
import { signal, type Fault } from './fault.ts';

/** containerd gives State 2 s, and gives nothing up for a process that stands still for less. */
const LONGEST_MS = 1200;
const PROGRAMS = /\/(?:lxcri-[a-z]+|shim\.cjs)(?: |$)/;

/** One of the runtime's own processes stands still for a while (SIGSTOP, SIGCONT), as on a machine that swaps. */
export const stopProcess: Fault = {
  name: 'SIGSTOP of an own process',
  meanMs: 3000,
  async strike(world, random) {
    const { containerd, windows } = world;
    const place = random.fraction();
    const time = random.fraction() * LONGEST_MS;
    const found = (await processesOf(containerd.marker)).filter(({ command }) => PROGRAMS.test(command));
    // Each program is as likely as the others, however many there are of it.
    const programs = [...new Set(found.map(({ command }) => programOf(command)))].sort();
    const program = programs[Math.floor(place * programs.length)];
    const victims = found.filter(({ command }) => programOf(command) === program);
    const victim = victims[Math.floor(random.fraction() * victims.length)];
    if (program === undefined || victim === undefined) return undefined;
    return windows.during('stopped', async () => {
      if (!signal(victim.pid, 'SIGSTOP')) return undefined;
      world.note(`SIGSTOP of ${victim.pid}, ${victim.command.slice(0, 150)}, for ${Math.round(time)} ms`);
      await sleep(time);
      signal(victim.pid, 'SIGCONT');
      return program;
    });
  },
};

const programOf = (command: string) => PROGRAMS.exec(command)?.[0].slice(1).trim() ?? '';
