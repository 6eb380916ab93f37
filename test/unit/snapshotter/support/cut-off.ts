import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

type AnyFunction = (...args: unknown[]) => unknown;

/** The steps that change something, or put it on the disk. */
const FUNCTIONS = ['mkdir', 'rename', 'chown', 'chmod', 'rm', 'writeFile', 'open'] as const;
const METHODS = ['sync', 'writeFile'] as const;

/**
 * Ends the store's work before its n-th step on the file system, as SIGKILL does: what is under way is done, and nothing
 * is begun any more. It can be told for one file-system user of this process at a time.
 */
export class CutOff {
  #left = Infinity;
  #taken = 0;
  #running = 0;
  #reached: () => void = () => undefined;
  /** What a killed process has closed by its end. */
  #handles: fs.FileHandle[] = [];
  reached: Promise<void> = Promise.resolve();

  static async install(file: string): Promise<CutOff> {
    const cutOff = new CutOff();
    const table = fs as unknown as Record<string, AnyFunction>;
    for (const name of FUNCTIONS) cutOff.#wrap(table, name);
    const handle = await fs.open(file, 'w');
    const methods = Object.getPrototypeOf(handle) as Record<string, AnyFunction>;
    for (const name of METHODS) cutOff.#wrap(methods, name);
    await handle.close();
    syncBuiltinESMExports();
    return cutOff;
  }

  get taken(): number {
    return this.#taken;
  }

  /** From now on `steps` more are done. */
  after(steps: number): void {
    this.#left = steps;
    this.#taken = 0;
    this.reached = new Promise((resolve) => (this.#reached = resolve));
  }

  /** No limit for what comes next; what was cut off stays so. */
  async lift(): Promise<void> {
    while (this.#running > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#left = Infinity;
    await Promise.all(this.#handles.splice(0).map((handle) => handle.close()));
  }

  /** Something else that is a step, such as a request to the worker. */
  step<T>(task: () => Promise<T>): Promise<T> {
    if (this.#left <= 0) {
      this.#reached();
      return new Promise(() => undefined);
    }
    this.#left--;
    this.#taken++;
    this.#running++;
    return task().finally(() => this.#running--);
  }

  #wrap(table: Record<string, AnyFunction>, name: string): void {
    const original = table[name];
    if (original === undefined) throw new Error(`there is no ${name}`);
    const step = this.step.bind(this);
    const keep = this.#keep.bind(this);
    table[name] = function (this: unknown, ...args: unknown[]) {
      return step(async () => keep(await original.apply(this, args)));
    };
  }

  #keep(result: unknown): unknown {
    const isHandle = typeof result === 'object' && result !== null && 'fd' in result;
    if (isHandle && this.#left !== Infinity) this.#handles.push(result as fs.FileHandle);
    return result;
  }
}
