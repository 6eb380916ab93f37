import { mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { listIfExists } from '../../common/files.ts';
import type { EventTarget, TaskEvent } from './event.ts';

/** An event on disk. */
export interface JournalEntry {
  /** Counts up within a container's life. */
  readonly number: number;
  readonly target: EventTarget;
  readonly event: TaskEvent;
}

const PENDING = '.pending';
const SENT = '.sent';

/**
 * The events of one container on disk: a file each, `<number>-<topic>.pending`, renamed to `.sent` once containerd has
 * it. So a daemon that comes after a crash knows what is owed, and what was promised already.
 */
export class EventJournal {
  readonly #directory: string;
  #made = false;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async add(entry: JournalEntry): Promise<void> {
    if (!this.#made) await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    this.#made = true;
    await writeFileAtomic(this.#file(entry, PENDING), encode(entry));
  }

  async markSent(entry: JournalEntry): Promise<void> {
    await rename(this.#file(entry, PENDING), this.#file(entry, SENT));
  }

  /** Forgets the events of an exec that were sent: another one may get its id. */
  async forget(execId: string): Promise<void> {
    const files = (await listIfExists(this.#directory)).filter((name) => name.endsWith(`@${execId}${SENT}`));
    await Promise.all(files.map((name) => rm(path.join(this.#directory, name), { force: true })));
  }

  /** Of an entry that nobody will ask for any more. */
  async drop(entry: JournalEntry): Promise<void> {
    await rm(this.#file(entry, PENDING), { force: true });
  }

  /**
   * What is owed, in order, and the names (`create`, `start`, …) of all events that were ever added. A file that cannot
   * be read as an event counts as sent: nothing of it can be.
   */
  async read(): Promise<{ pending: JournalEntry[]; names: ReadonlySet<string>; last: number }> {
    const files = (await listIfExists(this.#directory)).filter((name) => /^\d+-.*\.(pending|sent)$/.test(name)).sort();
    const pending = files.filter((name) => name.endsWith(PENDING));
    const contents = await Promise.all(pending.map((name) => readFile(path.join(this.#directory, name), 'utf8')));
    return {
      pending: contents.flatMap(decode),
      names: new Set(files.map((name) => name.replace(/^\d+-/, '').replace(/\.[a-z]+$/, ''))),
      last: Math.max(0, ...files.map((name) => Number.parseInt(name, 10))),
    };
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
    // The namespace's directory, once its last journal is gone.
    await rmdir(path.dirname(this.#directory)).catch(() => undefined);
    this.#made = false;
  }

  #file({ number, event }: JournalEntry, suffix: string): string {
    return path.join(this.#directory, `${String(number).padStart(8, '0')}-${eventName(event)}${suffix}`);
  }
}

/** What tells an event from the others of its container: `/tasks/exec-added` of the exec `sh` is `exec-added@sh`. */
export const eventName = ({ topic, execId }: TaskEvent) =>
  `${topic.replace(/^.*\//, '')}${execId === undefined ? '' : `@${execId}`}`;

function encode({ number, target, event }: JournalEntry): string {
  const { topic, typeUrl, value, timestamp, execId } = event;
  return JSON.stringify({
    number,
    target,
    topic,
    execId,
    typeUrl,
    value: Buffer.from(value).toString('base64'),
    seconds: timestamp.seconds.toString(),
    nanos: timestamp.nanos,
  });
}

interface EncodedEntry {
  number: number;
  target: EventTarget;
  topic: string;
  execId?: string;
  typeUrl: string;
  value: string;
  seconds: string;
  nanos: number;
}

/** None for a file that no journal wrote: writes are atomic, but disks are not eternal. */
function decode(text: string): JournalEntry[] {
  try {
    const { number, target, topic, execId, typeUrl, value, seconds, nanos } = JSON.parse(text) as EncodedEntry;
    const timestamp = { seconds: BigInt(seconds), nanos };
    const event = { topic, typeUrl, value: Buffer.from(value, 'base64'), timestamp };
    return [{ number, target, event: execId === undefined ? event : { ...event, execId } }];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return [];
    throw error;
  }
}
