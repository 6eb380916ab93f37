import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { parseMonitorMessage, type MonitorMessage } from './messages.ts';

const MAX_LINE = 4096;

export interface MonitorListener {
  message(message: MonitorMessage): void;
  /** The connection ended. After `exited` or `failed`: everything is cleaned up. Before: the monitor died. */
  closed(): void;
}

/** A connection to a container's monitor: shim/native/monitor. */
export class Monitor {
  readonly #stream: Duplex;
  readonly #listener: MonitorListener;
  #rest = '';

  private constructor(stream: Duplex, listener: MonitorListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      this.#receive(chunk);
    });
    // Every error is followed by close, and means the same.
    stream.on('error', () => undefined);
    stream.on('close', () => {
      listener.closed();
    });
  }

  /** Takes a monitor that waits (spare-monitors.ts) for the container whose state directory this is. */
  static run(stream: Duplex, directory: string, listener: MonitorListener): Monitor {
    const monitor = new Monitor(stream, listener);
    stream.write(`run ${directory}\n`);
    return monitor;
  }

  /**
   * Connects to a monitor that another daemon started; it tells the container's state at once.
   * @throws the socket's error if no monitor listens there.
   */
  static async connect(directory: string, listener: MonitorListener): Promise<Monitor> {
    // A Unix socket's path has at most 107 bytes, a state directory may have more: take the way over a descriptor.
    const handle = await open(directory, 'r');
    try {
      const socket = connect(`/proc/self/fd/${handle.fd}/monitor.sock`);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      return new Monitor(socket satisfies Socket, listener);
    } finally {
      await handle.close();
    }
  }

  /** One command of the line protocol: shim/native/monitor/control.c. */
  send(command: string): void {
    this.#stream.write(`${command}\n`);
  }

  /** Lets go of the connection, which is then closed as if the monitor had done it. */
  close(): void {
    this.#stream.destroy();
  }

  #receive(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = parseMonitorMessage(line);
      if (message !== undefined) this.#listener.message(message);
    }
    if (this.#rest.length > MAX_LINE) this.#stream.destroy();
  }
}
