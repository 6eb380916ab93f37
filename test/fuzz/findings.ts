import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TEMP_ROOT } from '../support/temp-dir.ts';
import type { Exchange } from './exchange.ts';

/** Something that must not be, and what it was found with. */
export interface Finding {
  readonly what: string;
  /** Of the one frame, if it is known and short. */
  readonly hex?: string;
  /** A file with all that was sent over the connection, or the config.json. */
  readonly file?: string;
}

/** With so many, one more says nothing new. */
const ENOUGH = 20;
const LONGEST_HEX = 2000;

/** What was found, and the files by which it is repeated. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #directory: string;

  constructor(seed: number) {
    this.#directory = path.join(TEMP_ROOT, `lxcri-fuzz-${seed}`);
  }

  get areEnough(): boolean {
    return this.all.length >= ENOUGH;
  }

  /** Of the run as a whole. */
  add(what: string): void {
    this.all.push({ what });
  }

  /** Of what one connection sent. */
  async frames({ name, bytes }: Exchange, why: string, frame?: Buffer): Promise<void> {
    if (this.areEnough) return;
    const file = await this.keep(`frames-${name}.bin`, bytes);
    const hex = frame === undefined ? undefined : frame.toString('hex').slice(0, LONGEST_HEX);
    this.all.push({ what: `connection ${name}: ${why}`, file, ...(hex === undefined ? {} : { hex }) });
  }

  async config(number: number, text: string | Uint8Array, why: string): Promise<void> {
    if (this.areEnough) return;
    this.all.push({ what: `config ${number}: ${why}`, file: await this.keep(`config-${number}.json`, text) });
  }

  /** Writes a file that outlives the run. @returns its path. */
  async keep(name: string, content: string | Uint8Array): Promise<string> {
    const file = path.join(this.#directory, name);
    await mkdir(this.#directory, { recursive: true });
    await writeFile(file, content);
    return file;
  }
}
