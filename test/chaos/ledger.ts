import { setTimeout as sleep } from 'node:timers/promises';
import type { SeenEvent } from './event-tap.ts';
import { compareWithTaken } from './expectation.ts';
import type { Life } from './lives/life.ts';
import type { World } from './world.ts';

const PATIENCE_MS = 20_000;
const INTERVAL_MS = 200;

/** What is wrong with the events of all lives, one line each, after the last of them had time to come. */
export async function checkEvents(world: World, lives: readonly Life[]): Promise<string[]> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const wrong = examine(world, lives);
    if (wrong.length === 0 || Date.now() > deadline) return wrong;
    await sleep(INTERVAL_MS);
  }
}

function examine({ tap, client, windows }: World, lives: readonly Life[]): string[] {
  const taken = byContainer(tap.taken);
  const seen = byContainer(client.events);
  const known = new Set(lives.map(({ id }) => id));
  const strangers = [...taken.keys()].filter((id) => !known.has(id));
  return [
    ...strangers.map((id) => `events of ${id}, which nobody made`),
    ...lives.flatMap((life) => {
      const [all, clients] = [taken.get(life.id) ?? [], seen.get(life.id) ?? []];
      const interrupted = windows.touched('restart', life.startedAt);
      // containerd itself tells the end of what it gives up, and that does not pass the tap.
      const told = life.expectation.abandoned === undefined ? compareWithTaken(clients, all, { interrupted }) : [];
      return [...life.expectation.check(all), ...told].map((line) => `${life.id} (${life.kind}): ${line}`);
    }),
  ];
}

function byContainer(events: readonly SeenEvent[]): Map<string, SeenEvent[]> {
  const found = new Map<string, SeenEvent[]>();
  for (const event of events) {
    const list = found.get(event.container) ?? [];
    list.push(event);
    found.set(event.container, list);
  }
  return found;
}
