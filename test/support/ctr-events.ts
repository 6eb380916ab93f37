import type { Containerd } from './containerd.ts';
import { eventually } from './eventually.ts';

/** An event as `ctr events` prints it: what every client of containerd sees. */
export interface CtrEvent {
  readonly topic: string;
  readonly line: string;
  readonly body: {
    readonly container_id?: string;
    readonly id?: string;
    readonly pid?: number;
    readonly exit_status?: number;
  };
}

const LINE = /^\S+ \S+ \S+ \S+ \S+ (?<topic>\/\S+) (?<body>\{.*\})$/;

function parseLine(line: string): CtrEvent {
  const { topic, body } = LINE.exec(line)?.groups ?? {};
  if (topic === undefined || body === undefined) throw new Error(`not a line of ctr events: ${line}`);
  return { topic, line, body: JSON.parse(body) as CtrEvent['body'] };
}

/** `ctr events`, from a moment on which is before anything that follows. */
export class CtrEvents {
  readonly #process: ReturnType<Containerd['spawnCtr']>;
  #output = '';

  private constructor(containerd: Containerd) {
    this.#process = containerd.spawnCtr(['events'], { timeoutMs: 3_600_000 });
    this.#process.stdout.on('data', (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  static async start(containerd: Containerd): Promise<CtrEvents> {
    const events = new CtrEvents(containerd);
    // ctr does not say when it listens: make events until it shows one.
    await eventually(async () => {
      await containerd.ctr(['namespaces', 'label', containerd.namespace, `probe=${Date.now()}`]);
      return events.all.length > 0 ? true : undefined;
    });
    return events;
  }

  get all(): CtrEvent[] {
    const complete = this.#output.slice(0, this.#output.lastIndexOf('\n') + 1);
    return complete
      .split('\n')
      .filter((line) => line !== '')
      .map(parseLine);
  }

  /** The events of a container's task, in the order in which they came. */
  ofTask(containerId: string): CtrEvent[] {
    return this.all.filter(({ topic, body }) => topic.startsWith('/tasks/') && body.container_id === containerId);
  }

  /** Waits until a container's task has had an event of the topic, and returns all its events. */
  async taskThrough(containerId: string, topic: string): Promise<CtrEvent[]> {
    return eventually(() => {
      const events = this.ofTask(containerId);
      return events.some((event) => event.topic === topic) ? events : undefined;
    });
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM', undefined);
    await this.#process;
  }
}
