import type { TaskEvent } from '../events/event.ts';
import { eventName } from '../events/event-journal.ts';
import type { EventQueue } from '../events/event-queue.ts';
import { taskOom } from '../events/task-events.ts';
import type { CallIdentity } from './call-identity.ts';
import type { ContainerRecord } from './container-record.ts';

/** The events of one container and its execs: each is told once, whichever daemon does it. */
export class Announcements {
  readonly #record: ContainerRecord;
  readonly #events: EventQueue;
  /** The events that were added, by this daemon or an earlier one: the mark of each name's latest; the latest last. */
  readonly #issued = new Map<string, string | undefined>();
  /** As far as told; undefined for a container of an earlier daemon, until its monitor speaks. */
  #oomCount: bigint | undefined = 0n;

  constructor(record: ContainerRecord, events: EventQueue) {
    this.#record = record;
    this.#events = events;
  }

  /** Takes up what an earlier daemon added. @throws what makes a journal unreadable; nothing is known then. */
  async recover(): Promise<void> {
    this.#oomCount = undefined;
    const { names, marks } = await this.#events.recover();
    for (const name of names) this.#issued.set(name, marks.get(name));
  }

  /** Tells it, unless it was told. Resolves once no crash can lose it. */
  async once(event: TaskEvent): Promise<void> {
    if (this.isTold(eventName(event))) await this.written();
    else await this.#add(event);
  }

  /** Tells what may happen again and again: it did by this call. Resolves once no crash can lose it. */
  async again(event: TaskEvent, call: CallIdentity | undefined): Promise<void> {
    await this.#add(event, call);
  }

  async #add(event: TaskEvent, mark?: string): Promise<void> {
    const name = eventName(event);
    this.#issued.delete(name);
    this.#issued.set(name, mark);
    await this.#events.add(this.#record.target, event, mark);
  }

  isTold(name: string): boolean {
    return this.#issued.has(name);
  }

  /** Whether the latest event of that name is what came of the call. */
  isToldOf(name: string, call: CallIdentity | undefined): boolean {
    return call !== undefined && this.#issued.get(name) === call;
  }

  /** Which of them was told last; undefined: none. */
  latest<Name extends string>(...names: readonly Name[]): Name | undefined {
    return [...this.#issued.keys()].reverse().find((name): name is Name => names.some((each) => each === name));
  }

  /** Resolves once no crash can lose anything that was told. */
  async written(): Promise<void> {
    await this.#events.written();
  }

  /**
   * One event when the count has grown, by however much: what kills again and again would fill the journal. So does
   * runc's shim, with one event for each time it reads its eventfd.
   */
  oom(count: bigint): void {
    const seen = this.#oomCount ?? BigInt(this.#issued.get('oom') ?? 0);
    this.#oomCount = count;
    if (count > seen) void this.#add(taskOom(this.#record.id), count.toString());
  }

  /** Forgets the execs of an earlier daemon that are gone, but for this: it may have died over it. */
  async forgetExecsBut(execIds: ReadonlySet<string>): Promise<void> {
    const known = [...this.#issued.keys()].flatMap((name) => /@(.*)$/.exec(name)?.[1] ?? []);
    for (const execId of new Set(known)) if (!execIds.has(execId)) await this.forgetExec(execId);
  }

  /** The exec is deleted: another one may get its id, and have the same events. */
  async forgetExec(execId: string): Promise<void> {
    for (const name of this.#issued.keys()) if (name.endsWith(`@${execId}`)) this.#issued.delete(name);
    await this.#events.forget(execId);
  }

  /** No event will follow. */
  finish(): void {
    this.#events.finish();
  }

  /** None of what is not told yet will be. */
  async discard(): Promise<void> {
    await this.#events.discard();
  }
}
