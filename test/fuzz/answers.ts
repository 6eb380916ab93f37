import { Code } from '../../common/errors.ts';
import { decodeResponse } from '../../shim/ttrpc/envelope.ts';
import { MessageType, type Frame } from '../../shim/ttrpc/frame.ts';
import { FrameParser } from '../../shim/ttrpc/frame-parser.ts';

/** What is wrong with an answer. */
export interface BadAnswer {
  readonly stream: number;
  readonly why: string;
}

/** An error that nobody gave a code, one that is called a fault of ours, and a daemon that is not there. */
const FAULTS: ReadonlySet<number> = new Set([Code.Unknown, Code.Internal, Code.Unavailable]);

/** What Go's server answers with Internal, too. */
const ALLOWED = /^ttrpc: error unmarshalling payload/;

/** Messages have at most 4096 characters, and the resident's state not so many. */
const LONGEST = 16_384;

/** How many answers there were, by their code's name. */
export type AnswerTally = Record<string, number>;

/** By number. */
const CODE_NAMES = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

export const codeName = (code: number) => CODE_NAMES.get(code) ?? `code ${code}`;

/** Counts the answers of a connection, and finds those that must not be. */
export class Answers {
  readonly bad: BadAnswer[] = [];
  readonly streams = new Set<number>();
  #count = 0;
  readonly #tally: AnswerTally;
  readonly #parser = new FrameParser();

  /** `tally` is that of the whole run. */
  constructor(tally: AnswerTally) {
    this.#tally = tally;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws MalformedFrameError for what is no ttrpc. */
  push(chunk: Buffer): void {
    this.#parser.push(chunk);
    for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next()) {
      this.#count += 1;
      this.streams.add(frame.streamId);
      const code = codeOf(frame.data);
      const name = codeName(code);
      this.#tally[name] = (this.#tally[name] ?? 0) + 1;
      const why = objection(frame, code);
      if (why !== undefined) this.bad.push({ stream: frame.streamId, why });
    }
  }

  get insideFrame(): boolean {
    return this.#parser.insideFrame;
  }
}

function objection({ type, length, data }: Frame, code: number): string | undefined {
  if (type !== MessageType.Response) return `an answer of type ${type}`;
  if (length > LONGEST) return `an answer of ${length} bytes`;
  if (!FAULTS.has(code)) return undefined;
  const { status } = decodeResponse(data);
  if (status === undefined || ALLOWED.test(status.message)) return undefined;
  return `answered with code ${status.code}: ${status.message}`;
}

/** Of an answer as the keeper and the daemon write it: the status first, and its code first in that. */
function codeOf(data: Uint8Array): number {
  if (data[0] !== 0x0a) return 0;
  let position = 1;
  while (((data[position] ?? 0) & 0x80) !== 0) position += 1;
  return data[position + 1] === 0x08 ? (data[position + 2] ?? 0) : 0;
}
