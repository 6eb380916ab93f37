import { once } from 'node:events';
import { createServer } from 'node:net';
import { Code, StatusError } from '../../common/errors.ts';
import { EventsDefinition, type Envelope } from '../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import { Client } from '../../shim/ttrpc/client.ts';
import { Server } from '../../shim/ttrpc/server.ts';
import { toHandlerTable, toServiceClient } from '../../shim/ttrpc/typed-service.ts';
import { decodeEvent } from '../support/task-events.ts';

/** An event of a task; `exec` is empty for what is of the container itself. */
export interface SeenEvent {
  readonly topic: string;
  readonly container: string;
  readonly exec: string;
  readonly exit: number;
}

const FORWARD_MS = 5000;

/**
 * Stands between the shim and containerd, and notes each event that containerd has taken. A client of containerd cannot
 * know: while containerd starts, it takes events before anybody can listen to them.
 */
export class EventTap {
  readonly taken: SeenEvent[] = [];
  readonly #target: string;
  readonly #server = new Server();
  #client: Promise<Client> | undefined;

  private constructor(target: string) {
    this.#target = target;
  }

  static async listen(socket: string, target: string): Promise<EventTap> {
    const tap = new EventTap(target);
    const handlers = toHandlerTable(EventsDefinition, { forward: ({ envelope }) => tap.#forward(envelope) });
    tap.#server.register(EventsDefinition.fullName, handlers);
    const listener = createServer();
    tap.#server.serve(listener);
    listener.listen(socket);
    await once(listener, 'listening');
    return tap;
  }

  async close(): Promise<void> {
    this.#server.destroy();
    (await this.#client?.catch(() => undefined))?.close();
  }

  /** The shim is told what containerd says; only what containerd has answered counts as taken. */
  async #forward(envelope: Envelope | undefined): Promise<object> {
    if (envelope === undefined) throw new Error('an event without an envelope');
    const connection = (this.#client ??= Client.connect(this.#target));
    try {
      await toServiceClient(EventsDefinition, await connection).forward({ envelope }, { timeoutMs: FORWARD_MS });
    } catch (error) {
      // Whatever else is under way on it has its own answer, or fails by itself.
      if (error instanceof StatusError && error.code === Code.Unavailable && this.#client === connection)
        this.#client = undefined;
      throw error;
    }
    const { topic, containerId, id, exitStatus = 0 } = decodeEvent(envelope);
    this.taken.push({ topic, container: containerId, exec: id === containerId ? '' : id, exit: exitStatus });
    return {};
  }
}
