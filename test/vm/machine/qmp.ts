import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

interface Reply {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** QEMU's machine protocol: a JSON object a line; events are of no interest here. */
export class Qmp {
  readonly #requests: Writable;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;

  private constructor(requests: Writable, replies: Readable) {
    this.#requests = requests;
    requests.on('error', () => undefined);
    const lines = createInterface({ input: replies });
    lines.on('line', (line) => {
      this.#settle(JSON.parse(line) as Reply);
    });
    lines.on('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('QEMU ended'));
    });
  }

  /** Waits for QEMU's greeting, which it sends once it has set up everything its command line wants. */
  static async connect(requests: Writable, replies: Readable): Promise<Qmp> {
    const qmp = new Qmp(requests, replies);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  /** @throws Error with QEMU's description. */
  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#requests.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  #settle({ id, error, ...reply }: Reply): void {
    const pending = this.#pending.get(id ?? 0);
    if (pending === undefined) return;
    this.#pending.delete(id ?? 0);
    if (error === undefined) pending.resolve(reply.return);
    else pending.reject(new Error(`QEMU: ${error.desc}`));
  }
}
