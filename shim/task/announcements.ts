import type { TaskEvent } from '../events/event.ts';
import { eventName } from '../events/event-journal.ts';
import type { EventQueue } from '../events/event-queue.ts';
import { taskOom } from '../events/task-events.ts';
import type { ContainerRecord } from './container-record.ts';

/** The events of one container and its execs: each is told once, whichever daemon does it. */
export class Announcements {
  readonly #record: ContainerRecord;
  readonly #events: EventQueue;
  /** The names of the events that were added, by this daemon or an earlier one. */
  readonly #issued = new Set<string>();
  /** As far as told; undefined for a container of an earlier daemon, until its monitor speaks. */
  #oomCount: bigint | undefined = 0n;

  constructor(record: ContainerRecord, events: EventQueue) {
    this.#record = record;
    this.#events = events;
  }

  /** Takes up what an earlier daemon added. @throws what makes a journal unreadable; nothing is known then. */
  async recover(): Promise<void> {
    this.#oomCount = undefined;
    for (const name of await this.#events.recover()) this.#issued.add(name);
  }

  /** Tells it, unless it was told. Resolves once no crash can lose it. */
  async once(event: TaskEvent): Promise<void> {
    const name = eventName(event);
    if (this.#issued.has(name)) return;
    this.#issued.add(name);
    await this.#events.add(this.#record.target, event);
  }

  /** Tells what may happen again and again. */
  async again(event: TaskEvent): Promise<void> {
    await this.#events.add(this.#record.target, event);
  }

  /** One event for each time; of those that no daemon saw, one. */
  oom(count: bigint): void {
    const seen = this.#oomCount ?? (this.#issued.has('oom') ? count : count - 1n);
    this.#oomCount = count;
    for (let each = seen; each < count; each += 1n) void this.again(taskOom(this.#record.id));
  }

  /** Forgets the execs of an earlier daemon that are gone, but for this: it may have died over it. */
  async forgetExecsBut(execIds: ReadonlySet<string>): Promise<void> {
    const known = [...this.#issued].flatMap((name) => /@(.*)$/.exec(name)?.[1] ?? []);
    for (const execId of new Set(known)) if (!execIds.has(execId)) await this.forgetExec(execId);
  }

  /** The exec is deleted: another one may get its id, and have the same events. */
  async forgetExec(execId: string): Promise<void> {
    for (const name of this.#issued) if (name.endsWith(`@${execId}`)) this.#issued.delete(name);
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
