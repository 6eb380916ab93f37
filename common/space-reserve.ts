import { open, rm, stat, statfs, truncate } from 'node:fs/promises';
import path from 'node:path';
import { hasErrorCode } from './files.ts';

/** As little as a file system gives away is given up at a time: nobody else is to live on it. */
const STEP = 4096;
const WHOLE = 64 * STEP;

const isFull = (error: unknown) => hasErrorCode(error, 'ENOSPC', 'EDQUOT');

/**
 * Room for what has to be written though the file system is full: a file of which a part is given up each time. It is
 * filled up again where there is room for others as well.
 */
export class SpaceReserve {
  readonly #file: string;
  #size: number | undefined;
  #filling: Promise<void> | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Fills it as far as it may. Never fails: without it one is as well off as without a reserve. */
  async fill(): Promise<void> {
    if (this.#size === WHOLE) return;
    this.#filling ??= this.#fill()
      .catch(() => undefined)
      .finally(() => {
        this.#filling = undefined;
      });
    await this.#filling;
  }

  async #fill(): Promise<void> {
    this.#size = await this.#measure();
    const { bavail, bsize } = await statfs(path.dirname(this.#file));
    if (bavail * bsize < 2 * WHOLE) return;
    const file = await open(this.#file, 'a', 0o600);
    try {
      // Zeros that are written are blocks of their own; a hole would be none.
      while (this.#size < WHOLE) this.#size += (await file.write(Buffer.alloc(WHOLE - this.#size))).bytesWritten;
    } finally {
      await file.close();
    }
  }

  async #measure(): Promise<number> {
    try {
      return (await stat(this.#file)).size;
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return 0;
      throw error;
    }
  }

  /** Writes a little; where there is no room, again with some of the reserve. @throws what the last try threw. */
  async write<T>(action: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await action();
        if (this.#isShort) void this.fill();
        return result;
      } catch (error) {
        if (!isFull(error) || !(await this.#giveUp())) throw error;
      }
    }
  }

  get #isShort(): boolean {
    return this.#size !== undefined && this.#size < WHOLE;
  }

  /** @returns false if there is nothing left of it. */
  async #giveUp(): Promise<boolean> {
    await this.#filling;
    if (this.#size === undefined || this.#size === 0) return false;
    this.#size = Math.max(0, this.#size - STEP);
    return truncate(this.#file, this.#size).then(
      () => true,
      () => false,
    );
  }

  /** Nobody needs it any more. */
  async remove(): Promise<void> {
    await this.#filling;
    this.#size = undefined;
    await rm(this.#file, { force: true });
  }
}
