import type { Logger } from '../../common/logger.ts';
import { SerialQueue } from '../../common/serial-queue.ts';
import type { EventTarget, TaskEvent } from './event.ts';
import { eventName, type EventJournal, type JournalContents, type JournalEntry } from './event-journal.ts';
import { isRefusal, type Publisher } from './publisher.ts';

const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 5_000;

export interface EventQueueOptions {
  readonly namespace: string;
  readonly id: string;
  readonly journal: EventJournal;
  readonly publisher: (target: EventTarget) => Publisher;
  readonly logger: Logger;
  /** Sending begins only then: when an earlier container of the same id has sent its last event. */
  readonly after: Promise<void> | undefined;
}

/**
 * The events of one container on their way to containerd: strictly one after another, each tried until containerd has
 * it or refuses it, however long containerd is away. Other containers' queues go on meanwhile.
 */
export class EventQueue {
  readonly #options: EventQueueOptions;
  readonly #writes = new SerialQueue();
  readonly #entries: JournalEntry[] = [];
  #last = 0;
  /** Events on their way to the disk. */
  #adding = 0;
  #sending = false;
  /** It waits for its next try: the containerd of this event is not there. */
  #isPausing = false;
  #discarded = false;
  #removed = false;
  #finishing = false;
  #finished: () => void = () => undefined;
  /** Resolves once the last event is sent and the journal is gone: after `finish` or `discard`. */
  readonly finished = new Promise<void>((resolve) => {
    this.#finished = resolve;
  });

  constructor(options: EventQueueOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier daemon left. @returns the names of all events that it added, and their marks. */
  async recover(): Promise<Pick<JournalContents, 'names' | 'marks'>> {
    const { pending, names, marks, last } = await this.#options.journal.read();
    this.#last = last;
    this.#entries.push(...pending);
    void this.#send();
    return { names, marks };
  }

  /**
   * Adds an event behind all others. Its place is decided by the call; the promise resolves once it is on disk, after
   * which no crash can lose it.
   */
  async add(target: EventTarget, event: TaskEvent, mark?: string): Promise<void> {
    const number = (this.#last += 1);
    const entry = { number, target, event, ...(mark === undefined ? {} : { mark }) };
    this.#adding += 1;
    await this.#writes.run(() => this.#write(entry));
    this.#adding -= 1;
    this.#entries.push(entry);
    void this.#send();
  }

  /** Resolves once all that was added by now is on disk. */
  async written(): Promise<void> {
    await this.#writes.run(() => Promise.resolve());
  }

  /** The exec is gone: what of it is not sent yet will be, and another one may have its id. */
  async forget(execId: string): Promise<void> {
    const last = this.#last;
    const { journal } = this.#options;
    // A journal that is gone would be begun anew.
    await this.#writes
      .run(async () => (this.#removed ? undefined : journal.forget(execId, last)))
      .catch(() => undefined);
  }

  /** An event that does not fit on a full disk is still sent, by this daemon at least. */
  async #write(entry: JournalEntry): Promise<void> {
    const { namespace, id, journal, logger } = this.#options;
    // The journal is gone: a new one would be sent by the next daemon.
    if (this.#removed) return;
    await journal.add(entry).catch((error: unknown) => {
      logger.warn({ namespace, id, topic: entry.event.topic, err: error }, 'an event could not be written to disk');
    });
  }

  /** Says that no event will be added any more: the journal goes once all are sent. */
  finish(): void {
    this.#finishing = true;
    void this.#send();
  }

  /** Drops everything: containerd has closed the book on this container and tells its end by itself. */
  async discard(): Promise<void> {
    this.#discarded = true;
    this.#entries.length = 0;
    await this.#writes.run(() => this.#removeJournal());
    // Nothing of this one is sent, but whoever comes after it must still wait for those before it.
    void this.#before().then(this.#finished);
  }

  /** Something is about to be told, or to be noted as told. What containerd is not there to hear can wait on disk. */
  get isOwing(): boolean {
    if (this.#isPausing) return this.#adding > 0;
    return this.#adding > 0 || this.#entries.length > 0 || this.#finishing;
  }

  async #before(): Promise<void> {
    await this.#options.after;
  }

  /** A journal that stays is sent again by the next daemon; nobody should wait for that. */
  async #removeJournal(): Promise<void> {
    const { namespace, id, journal, logger } = this.#options;
    this.#removed = true;
    await journal.remove().catch((error: unknown) => {
      logger.warn({ namespace, id, err: error }, 'a journal of events could not be removed');
    });
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    await this.#before();
    for (let entry = this.#entries[0]; entry !== undefined; entry = this.#entries[0]) {
      await this.#sendOne(entry);
      if (this.#entries[0] === entry) this.#entries.shift();
    }
    this.#sending = false;
    if (this.#finishing && !this.#discarded) {
      await this.#writes.run(() => this.#removeJournal());
      this.#finished();
    }
  }

  async #sendOne(entry: JournalEntry): Promise<void> {
    const { namespace, id, journal, publisher, logger } = this.#options;
    // With its name: a number that a full disk did not take is given again by the next daemon, and mostly to the same event.
    const key = `${namespace}/${journal.name}#${entry.number}-${eventName(entry.event)}`;
    let sender: Publisher | undefined;
    for (let delay = FIRST_RETRY_MS; !this.#discarded; delay = Math.min(2 * delay, LAST_RETRY_MS)) {
      try {
        sender = publisher(entry.target);
        await sender.publish(namespace, entry.event, key);
        break;
      } catch (error) {
        const context = { namespace, id, topic: entry.event.topic, err: error };
        if (isRefusal(error)) {
          logger.error(context, 'containerd refused an event; it is dropped');
          break;
        }
        logger.warn(context, `an event could not be sent; next try in ${delay} ms`);
        this.#isPausing = true;
        await new Promise((resolve) => setTimeout(resolve, delay).unref());
        this.#isPausing = false;
      }
    }
    if (await this.#markSent(entry)) sender?.recorded(key);
  }

  /** @returns whether no later daemon will send it again. */
  async #markSent(entry: JournalEntry): Promise<boolean> {
    if (this.#discarded) return true;
    return this.#writes
      .run(() => this.#options.journal.markSent(entry))
      .then(
        () => true,
        () => false,
      );
  }
}
