import { open, rename, type FileHandle } from 'node:fs/promises';
import { StatusError, type Code } from '../../common/errors.ts';
import { appendWhole, readTextIfExists, removeFile } from '../../common/files.ts';
import type { Logger } from '../../common/logger.ts';
import { SerialQueue } from '../../common/serial-queue.ts';
import type { ExitRecord } from '../monitor/messages.ts';
import type { SpaceReserve } from '../../common/space-reserve.ts';
import { isEarlierCall, type CallIdentity } from './call-identity.ts';

/** What a call was answered whose subject is gone: nothing else could tell it to the next daemon. */
export interface KeptAnswer {
  /** Undefined: nobody asks for it again, but for the creation. */
  readonly call: CallIdentity | undefined;
  /** What was removed, told from later ones of the same name; empty if nothing was. */
  readonly of: string;
  /** Whose call had created the container that was removed. */
  readonly creation?: CallIdentity | undefined;
  /** The process that was removed, as clients name it: processName. */
  readonly process?: string;
  /** The container was given up: whoever asks for that of its id means this one. */
  readonly isAbandonment?: boolean;
  readonly pid?: number;
  readonly exit?: ExitRecord | undefined;
  /** It was refused so. */
  readonly error?: { readonly code: Code; readonly message: string };
}

export const processName = (namespace: string, id: string, execId: string): string => `${namespace}/${id}/${execId}`;

/** Nobody asks for an answer again so much later. */
const MAX_AGE_MS = 10 * 60_000;
/** Of the file; there are two, so that what is kept is never less than this. */
const MAX_BYTES = 128 * 1024;
/** In milliseconds, the same for all daemons: files of an earlier boot are forgotten, and clocks may be set. */
const sinceBoot = () => Math.floor(Number(process.hrtime.bigint()) / 1e6);
/** In memory: those of this daemon are asked for by nobody but a client whose connection was made anew. */
const MAX_ANSWERS = 512;

/**
 * The answers that a repeated call may ask for, on disk: a file to which a line is appended before what it tells of is
 * removed, and the file before that one. So each costs one write, and nothing has to be removed.
 */
export class KeptAnswers {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #reserve: SpaceReserve | undefined;
  readonly #answers = new Map<CallIdentity, KeptAnswer>();
  readonly #creations = new Map<CallIdentity, KeptAnswer>();
  readonly #abandonments = new Map<string, KeptAnswer>();
  /** By earlier daemons, whose Waits are asked for again. */
  readonly #removedEarlier: KeptAnswer[] = [];
  readonly #writes = new SerialQueue();
  #file: FileHandle | undefined;
  #size = 0;

  constructor(file: string, logger: Logger, reserve?: SpaceReserve) {
    this.#reserve = reserve;
    this.#path = file;
    this.#logger = logger;
  }

  get #previous(): string {
    return `${this.#path}.old`;
  }

  /** Takes up what earlier daemons kept. Without anything that could still be asked for, the files go. */
  async recover(): Promise<void> {
    const texts = [await readTextIfExists(this.#previous), await readTextIfExists(this.#path)];
    this.#size = Buffer.byteLength(texts[1] ?? '');
    const oldest = sinceBoot() - MAX_AGE_MS;
    for (const text of texts) {
      for (const line of (text ?? '').split('\n')) {
        const answer = decode(line, oldest);
        if (answer === undefined) continue;
        this.#remember(answer);
        if (answer.process !== undefined) this.#removedEarlier.push(answer);
      }
    }
    if (
      this.#answers.size + this.#creations.size + this.#abandonments.size > 0 ||
      texts.every((text) => text === undefined)
    )
      return;
    await Promise.all([removeFile(this.#previous), removeFile(this.#path)]);
    this.#size = 0;
  }

  /** What the call was answered; undefined: nothing that had to be kept. */
  find(call: CallIdentity | undefined): KeptAnswer | undefined {
    return call === undefined ? undefined : this.#answers.get(call);
  }

  /** The removal of what the call had created. */
  findRemoval(creation: CallIdentity | undefined): KeptAnswer | undefined {
    return creation === undefined ? undefined : this.#creations.get(creation);
  }

  /** Of the last container of that id that was given up. */
  findAbandonment(process: string): KeptAnswer | undefined {
    return this.#abandonments.get(process);
  }

  /** How a process ended that an earlier daemon removed after the call had come; a later one may have its name. */
  findEnd(process: string, call: CallIdentity | undefined): ExitRecord | undefined {
    if (call === undefined) return undefined;
    return this.#removedEarlier.find(
      (answer) => answer.process === process && answer.call !== undefined && isEarlierCall(call, answer.call),
    )?.exit;
  }

  /** Resolves once no crash can lose it. A full disk must not keep anything from being removed. */
  async keep(answer: KeptAnswer): Promise<void> {
    if (answer.call === undefined && answer.creation === undefined && answer.isAbandonment !== true) return;
    this.#remember(answer);
    const append = () => this.#append(encode(answer));
    // What is refused in a full directory would be refused again: the reserve is for what is removed.
    const reserve = answer.error === undefined ? this.#reserve : undefined;
    await this.#writes
      .run(() => (reserve === undefined ? append() : reserve.write(append)))
      .catch((error: unknown) => {
        this.#logger.warn({ err: error }, 'an answer could not be written to disk');
      });
  }

  async #append(line: string): Promise<void> {
    if (this.#size > MAX_BYTES) await this.#turnOver();
    this.#file ??= await open(this.#path, 'a', 0o600);
    await appendWhole(this.#file, line);
    this.#size += line.length;
  }

  /** An error that a call was refused with. */
  async keepError(call: CallIdentity | undefined, error: unknown): Promise<void> {
    const { code, message } = StatusError.from(error);
    await this.keep({ call, of: '', error: { code, message } });
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #turnOver(): Promise<void> {
    await rename(this.#path, this.#previous);
    this.#size = 0;
    await this.close();
  }

  #remember(answer: KeptAnswer): void {
    const { call, creation, process, isAbandonment } = answer;
    if (isAbandonment === true && process !== undefined) put(this.#abandonments, process, answer);
    if (call !== undefined) put(this.#answers, call, answer);
    if (creation !== undefined) put(this.#creations, creation, answer);
  }
}

/** @throws the error, if it is one. */
export function throwIfRefused(answer: KeptAnswer | undefined): void {
  if (answer?.error !== undefined) throw new StatusError(answer.error.code, answer.error.message);
}

function put(answers: Map<string, KeptAnswer>, key: string, answer: KeptAnswer): void {
  answers.delete(key);
  answers.set(key, answer);
  const [oldest] = answers.keys();
  if (answers.size > MAX_ANSWERS && oldest !== undefined) answers.delete(oldest);
}

interface EncodedAnswer extends Omit<KeptAnswer, 'exit'> {
  readonly at: number;
  readonly exit?: { readonly status: number; readonly seconds: string; readonly nanoseconds: number };
}

/** Begins with its newline: a line that was cut short spoils no later one. */
function encode({ exit, ...answer }: KeptAnswer): string {
  const encodedExit = exit === undefined ? {} : { exit: { ...exit, seconds: exit.seconds.toString() } };
  return `\n${JSON.stringify({ at: sinceBoot(), ...answer, ...encodedExit })}`;
}

/** Undefined for what is no answer, or not all of one, or too old. */
function decode(line: string, oldest: number): KeptAnswer | undefined {
  try {
    const { at, exit, ...answer } = JSON.parse(line) as EncodedAnswer;
    if (!(at > oldest)) return undefined;
    return exit === undefined ? answer : { ...answer, exit: { ...exit, seconds: BigInt(exit.seconds) } };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
