import { mkdir, open, rmdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../../common/atomic-file.ts';
import { appendWhole, hasErrorCode, readTextIfExists, removeFile } from '../../common/files.ts';
import type { SpaceReserve } from '../../common/space-reserve.ts';
import type { EventTarget, TaskEvent } from './event.ts';
import { decodeRecord, encodeRecord, type JournalRecord } from './journal-record.ts';

/** An event on disk. */
export interface JournalEntry {
  /** Counts up within a container's life. */
  readonly number: number;
  readonly target: EventTarget;
  readonly event: TaskEvent;
  /** What tells it from others of its name: whose call brought it about, or how often it had happened by then. */
  readonly mark?: string;
}

/** What a journal tells the daemon that comes next. */
export interface JournalContents {
  /** What is owed, in order. */
  readonly pending: readonly JournalEntry[];
  /** The names (`create`, `start`, …) of all events that were added, but those of forgotten execs; the latest last. */
  readonly names: ReadonlySet<string>;
  /** Of the latest event of each name that has one. */
  readonly marks: ReadonlyMap<string, string>;
  /** The number of the last event. */
  readonly last: number;
}

const COMPACT_BYTES = 256 * 1024;
const MAKE_ATTEMPTS = 3;
/** Lines; a disk that stays full must not fill the memory. */
const MAX_OWED = 1000;

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
  readonly #reserve: SpaceReserve | undefined;
  #file: FileHandle | undefined;
  /**
   * What a full disk did not take comes before what it takes next: the daemon that finds a later event without an
   * earlier one would tell that one again. Lines of which a part was written do no harm in whole.
   */
  #owed: string[] = [];
  #size = 0;
  #compactAt = COMPACT_BYTES;

  constructor(file: string, reserve?: SpaceReserve) {
    this.#path = file;
    this.#reserve = reserve;
  }

  /** The file's name, which no other journal of the namespace has or had. */
  get name(): string {
    return path.basename(this.#path);
  }

  async add(entry: JournalEntry): Promise<void> {
    await this.#append(toRecord(entry));
  }

  /** containerd has it, or will never take it; and so it is with all before it. */
  async markSent({ number, event, mark }: JournalEntry): Promise<void> {
    await this.#append({ sent: number, name: eventName(event), ...markOf(mark) });
    await this.#compactIfLarge();
  }

  /** Forgets which events an exec has had, up to that number: another one may get its id. */
  async forget(execId: string, last: number): Promise<void> {
    await this.#append({ forget: execId, last });
    await this.#compactIfLarge();
  }

  async #compactIfLarge(): Promise<void> {
    if (this.#size <= this.#compactAt) return;
    await this.#compact().catch(() => {
      this.#compactLater();
    });
  }

  /** A line that cannot be read counts as not written: writes end, or do not, but disks are not eternal. */
  async read(): Promise<JournalContents> {
    const text = (await readTextIfExists(this.#path)) ?? '';
    this.#size = Buffer.byteLength(text);
    return replay(parse(text));
  }

  async remove(): Promise<void> {
    await this.close();
    await removeFile(this.#path);
    // The namespace's directory, once its last journal is gone.
    await rmdir(path.dirname(this.#path)).catch(() => undefined);
  }

  async #append(record: JournalRecord): Promise<void> {
    this.#owe(encodeRecord(record));
    const write = () => this.#write(this.#owed.join(''));
    await (this.#reserve === undefined ? write() : this.#reserve.write(write));
    this.#owed = [];
  }

  async #write(lines: string): Promise<void> {
    this.#file ??= await this.#open();
    await appendWhole(this.#file, lines);
    this.#size += lines.length;
  }

  #owe(line: string): void {
    this.#owed.push(line);
    if (this.#owed.length > MAX_OWED) this.#owed.shift();
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
    const { pending, names, marks, last } = await this.read();
    const all = { last, names: [...names], marks: Object.fromEntries(marks) };
    const text = [...pending.map(toRecord), all].map(encodeRecord).join('');
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

const markOf = (mark: string | undefined) => (mark === undefined ? {} : { mark });

const toRecord = ({ number, target, event, mark }: JournalEntry): JournalRecord => ({
  ...{ add: number, target, event },
  ...markOf(mark),
});

const parse = (text: string): JournalRecord[] => text.split('\n').flatMap((line) => decodeRecord(line) ?? []);

function replay(records: readonly JournalRecord[]): JournalContents {
  const added = new Map<number, JournalEntry>();
  /** The last event of each name, in their order. */
  const names = new Map<string, { readonly number: number; readonly mark: string | undefined }>();
  const note = (name: string, number: number, mark: string | undefined) => {
    names.delete(name);
    names.set(name, { number, mark });
  };
  let sent = 0;
  let last = 0;
  for (const record of records) {
    if ('add' in record) {
      const { add: number, target, event, mark } = record;
      added.set(number, { number, target, event, ...markOf(mark) });
      note(eventName(event), number, mark);
      last = Math.max(last, number);
    } else if ('sent' in record) {
      // Also one that a full disk kept from being added.
      if (!added.has(record.sent)) note(record.name, record.sent, record.mark);
      sent = Math.max(sent, record.sent);
      last = Math.max(last, record.sent);
    } else if ('forget' in record) {
      for (const [name, { number }] of names) {
        if (number <= record.last && name.endsWith(`@${record.forget}`)) names.delete(name);
      }
    } else {
      names.clear();
      for (const name of record.names) note(name, record.last, record.marks?.[name]);
      last = record.last;
    }
  }
  const pending = [...added.values()].filter(({ number }) => number > sent).sort((a, b) => a.number - b.number);
  const marks = [...names].flatMap(([name, { mark }]) => (mark === undefined ? [] : [[name, mark] as const]));
  return { pending, names: new Set(names.keys()), marks: new Map(marks), last };
}
