import { setTimeout as sleep } from 'node:timers/promises';
import type { Life } from '../lives/life.ts';
import { choose, type Fault } from './fault.ts';

const LONGEST_MS = 2500;
const isRead = ({ hasReader, endedAt }: Life) => hasReader && endedAt === Infinity;

/** Who reads a container's output stops for a while: all of it has to come afterwards. */
export const stallReader: Fault = {
  name: 'a FIFO’s reader stalls',
  meanMs: 2500,
  async strike(world, random) {
    const life = choose(world, random, isRead);
    const time = random.fraction() * LONGEST_MS;
    if (life === undefined) return undefined;
    world.note(`the reader of ${life.id} stalls for ${Math.round(time)} ms`);
    const { code } = await world.client.call({ op: 'stall', container: life.id });
    await sleep(time);
    await world.client.call({ op: 'proceed', container: life.id });
    return code === 0 ? 'stalled' : undefined;
  },
};

/** Who reads goes, and another comes later: what was written meanwhile may be lost, if the container has ended. */
export const vanishReader: Fault = {
  name: 'a FIFO’s reader vanishes',
  meanMs: 4000,
  async strike(world, random) {
    const life = choose(world, random, (each) => isRead(each) && !each.lasting);
    const time = random.fraction() * LONGEST_MS;
    if (life === undefined) return undefined;
    life.readerVanished = true;
    world.note(`the reader of ${life.id} vanishes for ${Math.round(time)} ms`);
    const { code } = await world.client.call({ op: 'vanish', container: life.id });
    await sleep(time);
    await world.client.call({ op: 'return', container: life.id });
    return code === 0 ? 'vanished' : undefined;
  },
};
