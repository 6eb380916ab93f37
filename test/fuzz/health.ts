import { TaskDefinition } from '../../proto/gen/containerd/task/v2/task.ts';
import { Status } from '../../proto/gen/containerd/v1/types/task.ts';
import { toServiceClient } from '../../shim/ttrpc/typed-service.ts';
import { eventually } from '../support/eventually.ts';
import { keeperStatus } from '../support/keeper.ts';
import { isAlive } from '../support/processes.ts';
import { createRequest, type Shim, type ShimHost } from '../support/shim-host.ts';

const PATIENCE_MS = 10_000;

/** A container that runs from the beginning to the end, and the processes that serve it. */
export class Health {
  readonly shim: Shim;
  readonly #host: ShimHost;
  readonly #resident: number;
  readonly #connections: number;
  #keeper: number;
  #daemon: number;
  #isBroken = false;

  private constructor(
    host: ShimHost,
    shim: Shim,
    resident: number,
    at: { readonly keeper: number; readonly daemon: number; readonly connections: number },
  ) {
    this.#host = host;
    this.shim = shim;
    this.#resident = resident;
    this.#keeper = at.keeper;
    this.#daemon = at.daemon;
    this.#connections = at.connections;
  }

  static async start(host: ShimHost): Promise<Health> {
    const shim = await host.startShim(await host.makeBundle({ args: ['sleep', '1000000'] }));
    const { pid } = await shim.task.create(createRequest(shim.bundle));
    await shim.task.start({ id: shim.bundle.id, execId: '' });
    return new Health(host, shim, pid, await keeperStatus(host.runDir));
  }

  /** Whether nobody answered State: then nothing else will be answered. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  get keeper(): number {
    return this.#keeper;
  }

  get daemon(): number {
    return this.#daemon;
  }

  /** Asks whether all is as it was in the beginning, while no other client is there. @returns what is not. */
  async check(): Promise<string[]> {
    const wrong = [...(await this.askForState()), ...(await this.#lookAtProcesses())];
    const unsettled = await this.#settle().catch((error: unknown) => String(error));
    return unsettled === undefined ? wrong : [...wrong, unsettled];
  }

  /** Only whether the daemon answers. */
  async askForState(): Promise<string[]> {
    const { bundle, address } = this.shim;
    const client = await this.#host.connect(address).catch((error: unknown) => String(error));
    if (typeof client === 'string') {
      this.#isBroken = true;
      return [`nobody takes a connection: ${client}`];
    }
    try {
      const task = toServiceClient(TaskDefinition, client);
      const { pid, status } = await task.state({ id: bundle.id, execId: '' }, { timeoutMs: PATIENCE_MS });
      if (pid === this.#resident && status === Status.RUNNING) return [];
      return [`State of the resident says pid ${pid} (was ${this.#resident}), status ${status}`];
    } catch (error) {
      this.#isBroken = true;
      return [`State of the resident failed: ${String(error)}`];
    } finally {
      client.close();
    }
  }

  /** A new daemon or keeper is told once. */
  async #lookAtProcesses(): Promise<string[]> {
    const wrong: string[] = [];
    const { daemon, keeper } = await keeperStatus(this.#host.runDir).catch(() => ({ daemon: 0, keeper: 0 }));
    if (daemon !== this.#daemon) wrong.push(`the daemon was ${this.#daemon} and is ${daemon}: it ended`);
    if (keeper !== this.#keeper) wrong.push(`the keeper was ${this.#keeper} and is ${keeper}: it ended`);
    if (!(await isAlive(this.#resident))) wrong.push(`the resident, pid ${this.#resident}, is gone`);
    this.#daemon = daemon;
    this.#keeper = keeper;
    return wrong;
  }

  /** Clients that are gone leave nothing with the keeper. */
  async #settle(): Promise<void> {
    await eventually(
      async () => {
        const { requests, connections } = await keeperStatus(this.#host.runDir);
        if (requests === 0 && connections <= this.#connections) return true;
        throw new Error(`the keeper still has ${requests} requests, and ${connections} connections`);
      },
      { timeoutMs: PATIENCE_MS },
    );
  }
}
