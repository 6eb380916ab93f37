import type { ExecutionContext, TestFn } from 'ava';
import { Containerd, type ContainerdOptions } from './containerd.ts';
import { leftovers, traces, untilNothingIsLeft } from './leftovers.ts';
import { BUSYBOX_IMAGE } from './oci-image.ts';
import { RUNTIME } from './runtimes.ts';

/** A containerd for the tests of one file. */
export class ContainerdFixture {
  #containerd: Containerd | undefined;
  #before: ReadonlySet<string> = new Set();
  #lastId = 0;

  async start(options: ContainerdOptions): Promise<void> {
    this.#containerd = await Containerd.start(options);
    this.#before = await traces(this.#containerd.scope);
  }

  get containerd(): Containerd {
    if (this.#containerd === undefined) throw new Error('containerd did not start; see the before hook');
    return this.#containerd;
  }

  /** A container id that no other test has, and that tells to whom belongs what is named after it. */
  newId(): string {
    return `${this.containerd.marker}-${++this.#lastId}`;
  }

  /** The same, of a container that goes when the test ends. */
  idFor(t: ExecutionContext): string {
    const id = this.newId();
    t.teardown(async () => {
      await this.containerd.tryCtr(['tasks', 'rm', '--force', id]);
      await this.containerd.tryCtr(['containers', 'rm', id]);
    });
    return id;
  }

  /** The arguments of `ctr run` for a new container of the runtime under test. */
  runArgs(flags: readonly string[], command: readonly string[], { id = this.newId(), runtime = RUNTIME } = {}) {
    return [
      'run',
      '--runtime',
      runtime,
      ...this.containerd.snapshotterFlags,
      ...flags,
      BUSYBOX_IMAGE.name,
      id,
      ...command,
    ];
  }

  /** `ctr run --rm`, to its end. */
  run(command: readonly string[], flags: readonly string[] = []) {
    return this.containerd.tryCtr(this.runArgs(['--rm', ...flags], command));
  }

  /** `ctr run --detach`; when the test ends, so does the container. */
  async runDetached(
    t: ExecutionContext,
    command: readonly string[],
    flags: readonly string[] = [],
    runtime = RUNTIME,
  ): Promise<string> {
    const id = this.idFor(t);
    await this.containerd.ctr(this.runArgs(['--detach', ...flags], command, { id, runtime }));
    return id;
  }

  /** Waits until nothing is left of any container; @returns what is left all the same. */
  leftovers(): Promise<string[]> {
    return untilNothingIsLeft(async () => leftovers(this.#before, await traces(this.containerd.scope)));
  }

  /** @returns what was left, or had to be ended by force. */
  async stop(): Promise<string[]> {
    return this.#containerd === undefined ? [] : this.#containerd.stop();
  }
}

/** Starts a containerd before a file's tests, and proves after them that they left nothing. */
export function useContainerd(test: TestFn, options: ContainerdOptions = {}): ContainerdFixture {
  const fixture = new ContainerdFixture();
  // Serial: hooks of the file itself find it running, and are through before it stops if they were declared before.
  test.serial.before('start a private containerd', () => fixture.start(options));
  test.serial.after.always('nothing is left', async (t) => {
    const left = await fixture.leftovers();
    const forced = await fixture.stop();
    t.deepEqual([...left, ...forced], []);
  });
  return fixture;
}
