import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Envelope } from '../../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import { EventsDefinition } from '../../../proto/gen/containerd/services/events/ttrpc/v1/events.ts';
import type { EventTarget, TaskEvent } from '../../../shim/events/event.ts';
import { EventJournal, type JournalEntry } from '../../../shim/events/event-journal.ts';
import { EventQueue } from '../../../shim/events/event-queue.ts';
import { createPublisher, type Publisher } from '../../../shim/events/publisher.ts';
import { Server } from '../../../shim/ttrpc/server.ts';
import { toHandlerTable } from '../../../shim/ttrpc/typed-service.ts';
import { DirectCourier } from '../../support/direct-courier.ts';
import { recordingLogger, type LogRecord } from '../support/recording-logger.ts';

export const eventOf = (name: string): TaskEvent => ({
  topic: `/tasks/${name}`,
  typeUrl: 'containerd.events.Test',
  value: Buffer.from(`payload of ${name}`),
  timestamp: { seconds: 1n, nanos: 2 },
});

export const entryOf = (number: number, name: string, target: EventTarget = NOWHERE): JournalEntry => ({
  number,
  target,
  event: eventOf(name),
});

export const NOWHERE: EventTarget = { ttrpc: '', grpc: '', binary: '' };

/** containerd's event service, on a real socket: it may be away, slow, or refuse. */
export class Sink {
  readonly path: string;
  /** In the order of their arrival. */
  readonly topics: string[] = [];
  readonly envelopes: Envelope[] = [];
  connections = 0;
  /** Called for each event before it counts as taken. */
  answer: (topic: string) => Promise<void> | void = () => undefined;
  #server: Server | undefined;

  constructor(t: ExecutionContext, directory: string, name = 'events.sock') {
    this.path = path.join(directory, name);
    t.teardown(() => {
      this.close();
    });
  }

  get target(): EventTarget {
    return { ttrpc: this.path, grpc: '', binary: '' };
  }

  async listen(): Promise<this> {
    const server = new Server();
    server.register(
      EventsDefinition.fullName,
      toHandlerTable(EventsDefinition, {
        forward: async ({ envelope }) => {
          if (envelope === undefined) throw new Error('an event without an envelope');
          await this.answer(envelope.topic);
          this.topics.push(envelope.topic);
          this.envelopes.push(envelope);
          return {};
        },
      }),
    );
    const listener = createServer();
    listener.on('connection', () => (this.connections += 1));
    server.serve(listener);
    listener.listen(this.path);
    await once(listener, 'listening');
    this.#server = server;
    return this;
  }

  /** As a containerd that is restarted: its connections and its socket are gone. */
  close(): void {
    this.#server?.destroy();
    this.#server = undefined;
  }
}

export interface TestQueue {
  readonly queue: EventQueue;
  readonly journal: EventJournal;
  readonly directory: string;
  readonly courier: DirectCourier;
  readonly log: readonly LogRecord[];
  readonly add: (name: string) => Promise<void>;
}

/** A queue with a journal in `directory`; one that is made there later is the next daemon's. */
export function queueIn(
  t: ExecutionContext,
  directory: string,
  target: EventTarget,
  options: { readonly journal?: EventJournal; readonly after?: Promise<void>; readonly publisher?: Publisher } = {},
): TestQueue {
  const { journal = new EventJournal(directory), after } = options;
  const { logger, records } = recordingLogger();
  const publishers = new Map<string, Publisher>();
  const courier = new DirectCourier();
  const publisher = (of: EventTarget) => {
    const key = JSON.stringify(of);
    const found = options.publisher ?? publishers.get(key) ?? createPublisher(of, courier);
    publishers.set(key, found);
    return found;
  };
  const queue = new EventQueue({ namespace: 'default', id: 'hello', journal, publisher, logger, after });
  t.teardown(async () => {
    // Else a queue whose sink is gone would go on trying.
    await queue.discard();
    await journal.close();
    courier.close();
  });
  return { queue, journal, directory, courier, log: records, add: (name) => queue.add(target, eventOf(name)) };
}
