import { mkdir, open, rmdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { hasErrorCode, readTextIfExists, removeFile } from '../../common/files.ts';
import type { EventTarget, TaskEvent } from './event.ts';
import { decodeRecord, encodeRecord, type JournalRecord } from './journal-record.ts';

/** An event on disk. */
export interface JournalEntry {
  /** Counts up within a container's life. */
  readonly number: number;
  readonly target: EventTarget;
  readonly event: TaskEvent;
}

/** What a journal tells the daemon that comes next. */
export interface JournalContents {
  /** What is owed, in order. */
  readonly pending: readonly JournalEntry[];
  /** The names (`create`, `start`, …) of all events that were added, but those of forgotten execs. */
  readonly names: ReadonlySet<string>;
  /** The number of the last event. */
  readonly last: number;
}

const COMPACT_BYTES = 256 * 1024;
const MAKE_ATTEMPTS = 3;

/**
 * The events of one container on disk: a file to which a line is appended for each event, and for each that containerd
 * has. So a daemon that comes after a crash knows what is owed, and what was promised already. One write each, to a file
 * that stays open: a file for each event cost seven times as many calls, and a tenth of the time of `ctr run`.
 *
 * Each line begins with its newline: one that a full disk has cut short spoils no later one. Callers make one call
 * after another.
 */
export class EventJournal {
  readonly #path: string;
  #file: FileHandle | undefined;
  #size = 0;
  #compactAt = COMPACT_BYTES;

  constructor(file: string) {
    this.#path = file;
  }

  /** The file's name, which no other journal of the namespace has or had. */
  get name(): string {
    return path.basename(this.#path);
  }

  async add({ number, target, event }: JournalEntry): Promise<void> {
    await this.#append({ add: number, target, event });
  }

  /** containerd has it, or will never take it; and so it is with all before it. */
  async markSent({ number, event }: JournalEntry): Promise<void> {
    await this.#append({ sent: number, name: eventName(event) });
  }

  /** Forgets which events an exec has had, up to that number: another one may get its id. */
  async forget(execId: string, last: number): Promise<void> {
    await this.#append({ forget: execId, last });
    if (this.#size <= this.#compactAt) return;
    await this.#compact().catch(() => {
      this.#compactLater();
    });
  }

  /** A line that cannot be read counts as not written: writes end, or do not, but disks are not eternal. */
  async read(): Promise<JournalContents> {
    return replay(parse((await readTextIfExists(this.#path)) ?? ''));
  }

  async remove(): Promise<void> {
    await this.close();
    await removeFile(this.#path);
    // The namespace's directory, once its last journal is gone.
    await rmdir(path.dirname(this.#path)).catch(() => undefined);
  }

  async #append(record: JournalRecord): Promise<void> {
    this.#file ??= await this.#open();
    const line = encodeRecord(record);
    this.#size += line.length;
    await this.#file.appendFile(line);
  }

  async #open(): Promise<FileHandle> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await open(this.#path, 'a', 0o600);
      } catch (error) {
        // Another journal, the last one, may take the directory with it at any moment.
        if (!hasErrorCode(error, 'ENOENT') || attempt === MAKE_ATTEMPTS) throw error;
        await mkdir(path.dirname(this.#path), { recursive: true, mode: 0o700 });
      }
    }
  }

  /** Execs that come and go must not let the file grow for ever. */
  async #compact(): Promise<void> {
    const { pending, names, last } = await this.read();
    const text = [...pending.map(toRecord), { last, names: [...names] }].map(encodeRecord).join('');
    await writeFileAtomic(this.#path, text);
    await this.close();
    this.#size = text.length;
    this.#compactAt = Math.max(COMPACT_BYTES, 2 * text.length);
  }

  /** On a full disk, say, where to try each time would make everything worse. */
  #compactLater(): void {
    this.#compactAt *= 2;
  }

  /** Lets go of the file; whoever calls again has it opened again. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** What tells an event from the others of its container: `/tasks/exec-added` of the exec `sh` is `exec-added@sh`. */
export const eventName = ({ topic, execId }: TaskEvent) =>
  `${topic.replace(/^.*\//, '')}${execId === undefined ? '' : `@${execId}`}`;

const toRecord = ({ number, target, event }: JournalEntry): JournalRecord => ({ add: number, target, event });

const parse = (text: string): JournalRecord[] => text.split('\n').flatMap((line) => decodeRecord(line) ?? []);

function replay(records: readonly JournalRecord[]): JournalContents {
  const added = new Map<number, JournalEntry>();
  /** The number of the last event of each name. */
  const names = new Map<string, number>();
  let sent = 0;
  let last = 0;
  for (const record of records) {
    if ('add' in record) {
      const { add: number, target, event } = record;
      added.set(number, { number, target, event });
      names.set(eventName(event), number);
      last = Math.max(last, number);
    } else if ('sent' in record) {
      // Also one that a full disk kept from being added.
      if (!added.has(record.sent)) names.set(record.name, record.sent);
      sent = Math.max(sent, record.sent);
      last = Math.max(last, record.sent);
    } else if ('forget' in record) {
      for (const [name, number] of names) {
        if (number <= record.last && name.endsWith(`@${record.forget}`)) names.delete(name);
      }
    } else {
      names.clear();
      for (const name of record.names) names.set(name, record.last);
      last = record.last;
    }
  }
  const pending = [...added.values()].filter(({ number }) => number > sent).sort((a, b) => a.number - b.number);
  return { pending, names: new Set(names.keys()), last };
}
