import type { EventTarget, TaskEvent } from './event.ts';

/** One line of a journal. */
export type JournalRecord =
  /** An event, and its number. */
  | { readonly add: number; readonly target: EventTarget; readonly event: TaskEvent; readonly mark?: string }
  /** containerd has it, and those before it. */
  | { readonly sent: number; readonly name: string; readonly mark?: string }
  /** Up to the last of them, the events of this exec count no more. */
  | { readonly forget: string; readonly last: number }
  /** The names of all events before, by when they came last, in place of the lines that told them; and their marks. */
  | { readonly names: readonly string[]; readonly last: number; readonly marks?: Readonly<Record<string, string>> };

interface EncodedEvent {
  readonly topic: string;
  readonly execId?: string;
  readonly typeUrl: string;
  readonly value: string;
  readonly seconds: string;
  readonly nanos: number;
}

export function encodeRecord(record: JournalRecord): string {
  return `\n${JSON.stringify('add' in record ? { ...record, event: encodeEvent(record.event) } : record)}`;
}

/** Undefined for what is no record, or not all of one. */
export function decodeRecord(line: string): JournalRecord | undefined {
  try {
    const record = JSON.parse(line) as Exclude<JournalRecord, { add: number }> | EncodedAddition;
    if ('add' in record) return { ...record, event: decodeEvent(record.event) };
    return 'sent' in record || 'forget' in record || Array.isArray(record.names) ? record : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

interface EncodedAddition {
  readonly add: number;
  readonly target: EventTarget;
  readonly event: EncodedEvent;
  readonly mark?: string;
}

function encodeEvent({ topic, typeUrl, value, timestamp, execId }: TaskEvent): EncodedEvent {
  const { seconds, nanos } = timestamp;
  const encoded = { topic, typeUrl, value: Buffer.from(value).toString('base64'), seconds: seconds.toString(), nanos };
  return execId === undefined ? encoded : { ...encoded, execId };
}

function decodeEvent({ topic, typeUrl, value, seconds, nanos, execId }: EncodedEvent): TaskEvent {
  const event = { topic, typeUrl, value: Buffer.from(value, 'base64'), timestamp: { seconds: BigInt(seconds), nanos } };
  return execId === undefined ? event : { ...event, execId };
}
