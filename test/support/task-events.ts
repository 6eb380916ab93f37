import { createServer } from 'node:net';
import { once } from 'node:events';
import * as events from '../../proto/gen/containerd/events/task.ts';
import { EventsDefinition, type Envelope } from '../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import { Server } from '../../shim/ttrpc/server.ts';
import { toHandlerTable } from '../../shim/ttrpc/typed-service.ts';
import { eventually } from './eventually.ts';

export interface TaskEvent {
  readonly topic: string;
  readonly namespace: string;
  readonly containerId: string;
  /** Of an exec, or of init where the event says so; else empty. */
  readonly id: string;
  readonly pid: number | undefined;
  readonly exitStatus: number | undefined;
  readonly envelope: Envelope;
}

interface Decoded {
  readonly containerId: string;
  readonly id?: string;
  readonly execId?: string;
  readonly pid?: number;
  readonly exitStatus?: number;
}

const decoders: ReadonlyMap<string, { decode(bytes: Uint8Array): Decoded }> = new Map([
  ['containerd.events.TaskCreate', events.TaskCreate],
  ['containerd.events.TaskStart', events.TaskStart],
  ['containerd.events.TaskDelete', events.TaskDelete],
  ['containerd.events.TaskExit', events.TaskExit],
  ['containerd.events.TaskOOM', events.TaskOOM],
  ['containerd.events.TaskExecAdded', events.TaskExecAdded],
  ['containerd.events.TaskExecStarted', events.TaskExecStarted],
  ['containerd.events.TaskPaused', events.TaskPaused],
  ['containerd.events.TaskResumed', events.TaskResumed],
  ['containerd.events.TaskCheckpointed', events.TaskCheckpointed],
]);

export function decodeEvent(envelope: Envelope): TaskEvent {
  const type = envelope.event?.typeUrl ?? '';
  const decoder = decoders.get(type);
  if (decoder === undefined) throw new Error(`an event of an unknown type: ${JSON.stringify(type)}`);
  const decoded = decoder.decode(envelope.event?.value ?? new Uint8Array());
  return {
    topic: envelope.topic,
    namespace: envelope.namespace,
    containerId: decoded.containerId,
    id: decoded.id ?? decoded.execId ?? '',
    pid: decoded.pid,
    exitStatus: decoded.exitStatus,
    envelope,
  };
}

/** The service to which a shim reports what happens to its tasks; containerd's part. */
export class EventsReceiver {
  readonly received: TaskEvent[] = [];
  readonly #path: string;
  #server: Server | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async listen(): Promise<void> {
    const server = new Server();
    const forward = ({ envelope }: { envelope: Envelope | undefined }) => {
      if (envelope === undefined) throw new Error('an event without an envelope');
      this.received.push(decodeEvent(envelope));
      return Promise.resolve({});
    };
    server.register(EventsDefinition.fullName, toHandlerTable(EventsDefinition, { forward }));
    const listener = createServer();
    server.serve(listener);
    listener.listen(this.#path);
    await once(listener, 'listening');
    this.#server = server;
  }

  /** Goes away as containerd does when it is restarted: connections and socket are gone until listen() again. */
  close(): void {
    this.#server?.destroy();
    this.#server = undefined;
  }

  of(containerId: string): TaskEvent[] {
    return this.received.filter((event) => event.containerId === containerId);
  }

  /** Waits until the last topic of the list has come, and returns all of the container's topics up to then. */
  async topicsThrough(containerId: string, last: string): Promise<string[]> {
    return eventually(() => {
      const topics = this.of(containerId).map(({ topic }) => topic);
      return topics.includes(last) ? topics : undefined;
    });
  }
}
