import type { SeenEvent } from './event-tap.ts';

interface Expected {
  readonly topic: string;
  readonly must: boolean;
  /** The exit statuses that are right; undefined where an event has none. */
  readonly exits?: readonly number[];
}

const INIT = '';
const LIFE = ['/tasks/create', '/tasks/start', '/tasks/exit', '/tasks/delete'];
const EXEC = ['/tasks/exec-added', '/tasks/exec-started', '/tasks/exit'];
const KILLED = 137;
const UNKNOWN_END = [`/tasks/exit ${KILLED}`, `/tasks/delete ${KILLED}`];

/** What a container's events must be: those of its init in their order, and those of each exec in theirs. */
export class Expectation {
  readonly #lanes = new Map<string, Expected[]>();
  #killed = false;
  #abandoned: string | undefined;

  /** Why nobody can know how far this life got. */
  get abandoned(): string | undefined {
    return this.#abandoned;
  }

  abandon(reason: string): void {
    this.#abandoned ??= reason;
  }

  /** From now on what has not ended may be told as killed, and what was not done may be missing. */
  kill(): void {
    this.#killed = true;
  }

  /** An event that has to come, with this status if it tells one. */
  must(topic: string, { exec = INIT, exit }: { readonly exec?: string; readonly exit?: number } = {}): void {
    this.#add(exec, { topic, must: true, ...(exit === undefined ? {} : { exits: [exit] }) });
  }

  /** One that may come or not: of a call that failed with a good excuse. */
  may(topic: string, exec = INIT): void {
    this.#add(exec, { topic, must: false });
  }

  /** Is this how a process may have ended that would have ended with `exit`? */
  allows(exit: number, told: number): boolean {
    return told === exit || (this.#killed && told === KILLED);
  }

  /** What is wrong with the events, one line each. */
  check(events: readonly SeenEvent[]): string[] {
    const lanes = new Map<string, SeenEvent[]>();
    for (const event of events) lanes.set(event.exec, [...(lanes.get(event.exec) ?? []), event]);
    if (this.#abandoned !== undefined) return [...lanes].flatMap(([exec, seen]) => checkOrder(exec, seen));
    const execs = new Set([...lanes.keys(), ...this.#lanes.keys()]);
    return [...[...execs].flatMap((exec) => this.#checkLane(exec, lanes.get(exec) ?? [])), ...checkLast(events)];
  }

  #add(exec: string, expected: Expected): void {
    this.#lanes.set(exec, [...(this.#lanes.get(exec) ?? []), expected]);
  }

  #checkLane(exec: string, seen: readonly SeenEvent[]): string[] {
    const expected = this.#lanes.get(exec) ?? [];
    const wrong: string[] = [];
    let next = 0;
    for (const event of seen) {
      const at = expected.findIndex(({ topic }, index) => index >= next && topic === event.topic);
      if (at < 0) {
        wrong.push(`${nameOf(event)} is one too many, or out of order`);
        continue;
      }
      wrong.push(...expected.slice(next, at).flatMap((one) => this.#missing(one, exec)));
      const { exits } = expected[at] ?? {};
      if (exits?.some((exit) => this.allows(exit, event.exit)) === false)
        wrong.push(`${nameOf(event)} tells the status ${event.exit} instead of ${exits.join(' or ')}`);
      next = at + 1;
    }
    return [...wrong, ...expected.slice(next).flatMap((one) => this.#missing(one, exec))];
  }

  #missing({ topic, must }: Expected, exec: string): string[] {
    return must ? [`${nameOf({ topic, exec })} is missing`] : [];
  }
}

/** Of a life that was cut off: each event at most once, in the order of any life. */
function checkOrder(exec: string, seen: readonly SeenEvent[]): string[] {
  const order = exec === INIT ? LIFE : EXEC;
  const places = seen.map(({ topic }) => order.indexOf(topic)).filter((place) => place >= 0);
  const wrong = places.some((place, index) => index > 0 && place <= (places[index - 1] ?? 0));
  return wrong ? [`out of order or doubled: ${seen.map(nameOf).join(', ')}`] : [];
}

/** The end of init is told after the ends of all others. */
function checkLast(events: readonly SeenEvent[]): string[] {
  const end = events.findIndex(({ topic, exec }) => topic === '/tasks/exit' && exec === INIT);
  const late = end < 0 ? [] : events.slice(end).filter(({ exec }) => exec !== INIT);
  return late.map((event) => `${nameOf(event)} comes after the end of init`);
}

const nameOf = ({ topic, exec }: Pick<SeenEvent, 'topic' | 'exec'>) => (exec === INIT ? topic : `${topic} of ${exec}`);

/**
 * What is wrong with what a client of containerd saw, beside what containerd has taken. A client that had to subscribe
 * anew may have missed something, and have seen twice what containerd could not answer any more or has told by itself;
 * else it saw just that.
 */
export function compareWithTaken(
  seen: readonly SeenEvent[],
  taken: readonly SeenEvent[],
  { interrupted }: { readonly interrupted: boolean },
): string[] {
  const text = (events: readonly SeenEvent[]) => events.map((event) => `${nameOf(event)} ${event.exit}`);
  const [clients, all] = [text(seen), text(taken)];
  if (!interrupted) {
    const same = clients.length === all.length && clients.every((event, index) => event === all[index]);
    return same ? [] : [`a client saw ${list(clients)}; containerd has taken ${list(all)}`];
  }
  // A containerd that ended in the middle of its Delete finds the bundle of a task that is gone, has the shim clean up,
  // and tells of an end by itself: with the status that a shim answers for what it does not know, runc's as well.
  // Ours remembers for a while how it ended, and then that is told again.
  for (const own of [UNKNOWN_END, text(taken.filter(isEnd))]) {
    const at = lastPlace(clients, own);
    if (at >= 0 && timesOf(clients, own) > timesOf(all, own)) clients.splice(at, own.length);
  }
  let next = 0;
  for (const event of clients.filter((one, index) => one !== clients[index - 1])) {
    const at = all.indexOf(event, next);
    if (at < 0) return [`a client saw ${list(clients)}, which is not of ${list(all)}`];
    next = at + 1;
  }
  return [];
}

const isEnd = ({ topic, exec }: SeenEvent) => exec === INIT && /\/(exit|delete)$/.test(topic);

/** Where it is told, whatever else comes before and after. */
const placesOf = (events: readonly string[], part: readonly string[]) =>
  [...events.keys()].filter((index) => list(events.slice(index, index + part.length)) === list(part));
const timesOf = (events: readonly string[], part: readonly string[]) => placesOf(events, part).length;
const lastPlace = (events: readonly string[], part: readonly string[]) => placesOf(events, part).at(-1) ?? -1;

const list = (events: readonly string[]) => (events.length === 0 ? 'nothing' : events.join(', '));
