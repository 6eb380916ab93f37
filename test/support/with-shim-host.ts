import type { ExecutionContext, TestFn } from 'ava';
import type { CreateTaskRequest } from '../../proto/gen/containerd/task/v2/task.ts';
import { leftovers, traces, untilNothingIsLeft } from './leftovers.ts';
import { RUNTIME } from './runtimes.ts';
import type { BundleOptions } from './shim-bundle.ts';
import { createRequest, ShimHost, type Shim } from './shim-host.ts';
import { daemonOf } from './shim-processes.ts';

const KEEPER = /^process \d+ \S*\/lxcri-keeper$/;

/** A shim host for the tests of one file. */
export class ShimHostFixture {
  #host: ShimHost | undefined;
  #before: ReadonlySet<string> = new Set();

  async start(lingerMs: number): Promise<void> {
    this.#host = await ShimHost.start(RUNTIME, { lingerMs });
    this.#before = await traces(this.#host.scope);
  }

  get host(): ShimHost {
    if (this.#host === undefined) throw new Error('the shim host did not start; see the before hook');
    return this.#host;
  }

  /** A shim for a new bundle; when the test ends, so does whatever it holds. */
  async shim(t: ExecutionContext, options: BundleOptions & { readonly id?: string } = {}): Promise<Shim> {
    const shim = await this.host.startShim(await this.host.makeBundle(options));
    t.teardown(() => this.host.destroy(shim));
    return shim;
  }

  /** A shim with a container that was created, but not started. */
  async created(t: ExecutionContext, options: BundleOptions = {}, changes: Partial<CreateTaskRequest> = {}) {
    const shim = await this.shim(t, options);
    const { pid } = await shim.task.create(createRequest(shim.bundle, changes));
    return { ...shim, pid, init: { id: shim.bundle.id, execId: '' } };
  }

  /** A shim with a container that runs. */
  async running(t: ExecutionContext, args: readonly string[], options: BundleOptions = {}) {
    const container = await this.created(t, { ...options, args });
    await container.task.start(container.init);
    return container;
  }

  /**
   * Waits until nothing is left of any container; @returns what is left all the same. The keeper and its daemon may
   * live: they have callers, or linger. That they end is proved by stop().
   */
  leftovers(): Promise<string[]> {
    return untilNothingIsLeft(() => this.#leftOfContainers(), { timeoutMs: 10_000 });
  }

  async #leftOfContainers(): Promise<string[]> {
    const [daemon, after] = await Promise.all([daemonOf(this.host.runDir), traces(this.host.scope)]);
    return leftovers(this.#before, after).filter(
      (trace) => !trace.startsWith(`process ${daemon ?? ''} `) && !KEEPER.test(trace),
    );
  }

  async stop(): Promise<string[]> {
    return this.#host === undefined ? [] : this.#host.stop();
  }
}

/** Sets up a shim host before a file's tests, and proves after them that they left nothing. */
export function useShimHost(test: TestFn, { lingerMs = 1000 } = {}): ShimHostFixture {
  const fixture = new ShimHostFixture();
  test.serial.before('set up a shim host', () => fixture.start(lingerMs));
  test.serial.after.always('nothing is left', async (t) => {
    const left = await fixture.leftovers();
    const forced = await fixture.stop();
    t.deepEqual([...left, ...forced], []);
  });
  return fixture;
}
