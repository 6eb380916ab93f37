import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Cgroup } from '../../../shim/cgroups/cgroup.ts';
import type { EventTarget } from '../../../shim/events/event.ts';
import { EventJournal } from '../../../shim/events/event-journal.ts';
import { EventQueue } from '../../../shim/events/event-queue.ts';
import { createPublisher } from '../../../shim/events/publisher.ts';
import type { ExitRecord } from '../../../shim/monitor/messages.ts';
import { Container } from '../../../shim/task/container.ts';
import { KeptAnswers } from '../../../shim/task/kept-answers.ts';
import type { ContainerRecord } from '../../../shim/task/container-record.ts';
import { DirectCourier } from '../../support/direct-courier.ts';
import { eventually } from '../../support/eventually.ts';
import { BARE_BACKEND } from '../../support/bare-backend.ts';
import { Sink } from '../events/support.ts';
import { recordingLogger, type LogRecord } from '../support/recording-logger.ts';
import { tempDir } from '../support/temp-dir.ts';

/** What --cleanup would record. */
export const KILLED: ExitRecord = { status: 137, seconds: 5n, nanoseconds: 6 };

/** The monitor's end of one connection, on a real socket. */
export class MonitorEnd {
  readonly #socket: Socket;
  #said = '';
  #hasSpoken = false;
  #hasGreeted = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said += chunk;
      this.#greet();
    });
    socket.on('error', () => undefined);
  }

  say(...lines: string[]): void {
    this.#socket.write(lines.map((line) => `${line}\n`).join(''));
    this.#hasSpoken = true;
    this.#greet();
  }

  /** Whatever it says first is how it greets. */
  #greet(): void {
    if (!this.#hasSpoken || this.#hasGreeted || !this.heard.includes('greet')) return;
    this.#hasGreeted = true;
    this.#socket.write('greeted\n');
  }

  /** Says these last lines and goes. */
  end(...lines: string[]): void {
    this.#socket.end(lines.map((line) => `${line}\n`).join(''));
  }

  die(): void {
    this.#socket.destroy();
  }

  /** All lines that the daemon has sent. */
  get heard(): readonly string[] {
    return this.#said.split('\n').slice(0, -1);
  }

  /** Waits until the daemon has sent this line so often. */
  async hears(line: string, times = 1): Promise<void> {
    await eventually(() => (this.heard.filter((each) => each === line).length >= times ? true : undefined));
  }
}

export interface World {
  readonly container: Container;
  readonly directory: string;
  readonly sink: Sink;
  readonly journal: EventJournal;
  readonly log: readonly LogRecord[];
  /** How often something had to be cleaned up after a dead monitor. */
  readonly cleanUps: () => number;
  /** A connection as spare monitors have it: the daemon's end, and the monitor's. */
  readonly connection: () => Promise<{ stream: Socket; monitor: MonitorEnd }>;
  /** Listens on monitor.sock, where a monitor can be found. */
  readonly listen: () => Promise<{ next: () => Promise<MonitorEnd>; close: () => void }>;
  /** Another daemon's object of the same container. */
  readonly again: () => Container;
}

async function serve(t: ExecutionContext, address: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    onSocket(socket);
  });
  server.listen(address);
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return server;
}

export const record = (target: EventTarget, changes: Partial<ContainerRecord> = {}): ContainerRecord => ({
  namespace: 'default',
  id: 'hello',
  bundle: '/run/bundle',
  backend: 'lxc',
  stdio: { stdin: '', stdout: '', stderr: '', terminal: false },
  rootfs: [],
  target,
  cgroups: [],
  execDefaults: { rlimits: [] },
  build: 'test',
  journal: 'hello@1',
  ...changes,
});

/** One container with a state directory, events and a log, and no monitor yet. */
export async function world(
  t: ExecutionContext,
  options: { readonly cleanUp?: () => Promise<ExitRecord>; readonly cgroups?: readonly Cgroup[] } = {},
): Promise<World> {
  const top = await tempDir(t);
  const directory = path.join(top, 'hello');
  await mkdir(directory);
  const sink = await new Sink(t, top).listen();
  const { logger, records } = recordingLogger();
  const journal = new EventJournal(path.join(top, 'events', 'hello@1'));
  const courier = new DirectCourier();
  const publisher = createPublisher(sink.target, courier);
  const queues: EventQueue[] = [];
  t.teardown(async () => {
    await Promise.all(queues.map((queue) => queue.discard()));
    courier.close();
  });
  const answers = new KeptAnswers(path.join(top, 'answers'), logger);
  t.teardown(() => answers.close());
  let cleanUps = 0;
  const cleanUp = () => {
    cleanUps += 1;
    return options.cleanUp?.() ?? Promise.resolve(KILLED);
  };
  const make = () => {
    const queueOptions = { namespace: 'default', id: 'hello', journal, logger, after: undefined };
    const events = new EventQueue({ ...queueOptions, publisher: () => publisher });
    queues.push(events);
    const own = record(sink.target, options.cgroups === undefined ? {} : { cgroups: options.cgroups });
    return new Container({
      record: own,
      directory,
      events,
      answers,
      logger,
      cleanUp,
      hostNetwork: '/proc/self/ns/net',
      backend: BARE_BACKEND,
    });
  };
  let connections = 0;
  const connection = async () => {
    const address = path.join(top, `spare-${(connections += 1)}.sock`);
    const accepted: Socket[] = [];
    await serve(t, address, (socket) => accepted.push(socket));
    const stream = connect(address);
    await once(stream, 'connect');
    return { stream, monitor: new MonitorEnd(await eventually(() => accepted[0])) };
  };
  const listen = async () => {
    const ends: MonitorEnd[] = [];
    const server = await serve(t, path.join(directory, 'monitor.sock'), (socket) => ends.push(new MonitorEnd(socket)));
    return { next: () => eventually(() => ends.shift()), close: () => void server.close() };
  };
  return {
    container: make(),
    directory,
    sink,
    journal,
    log: records,
    cleanUps: () => cleanUps,
    connection,
    listen,
    again: make,
  };
}

/** A world whose container is created, as pid 42. */
export async function created(t: ExecutionContext, options: Parameters<typeof world>[1] = {}) {
  const all = await world(t, options);
  const { stream, monitor } = await all.connection();
  const creation = all.container.create(stream);
  monitor.say('created 42 77');
  await creation;
  return { ...all, monitor };
}

export async function running(t: ExecutionContext, options: Parameters<typeof world>[1] = {}) {
  const all = await created(t, options);
  const start = all.container.start();
  await all.monitor.hears('start');
  all.monitor.say('running');
  await start;
  return all;
}

export const topics = async ({ sink }: World, count: number): Promise<string[]> => {
  await eventually(() => (sink.topics.length >= count ? true : undefined));
  return sink.topics.map((topic) => topic.replace('/tasks/', ''));
};
