import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { encodeKeeperFrame, FrameType, splitWords } from '../../shim/daemon/keeper-protocol.ts';
import { Client } from '../../shim/ttrpc/client.ts';
import { FrameParser } from '../../shim/ttrpc/frame-parser.ts';
import { DirectCourier } from './direct-courier.ts';
import { eventually } from './eventually.ts';

/** A control frame that the daemon has sent. */
export interface ControlFrame {
  readonly type: number;
  readonly data: Buffer;
}

/**
 * Starts a daemon as the keeper does (shim/native/keeper), and speaks with it; it relays nothing, and decides nothing by
 * itself. For tests of the daemon's program alone.
 */
export class StandInKeeper {
  readonly daemon: ChildProcess;
  readonly courier = new DirectCourier();
  readonly #relayPath: string;
  readonly #control: Socket;
  readonly #frames: ControlFrame[] = [];

  private constructor(relayPath: string, daemon: ChildProcess) {
    this.daemon = daemon;
    this.#relayPath = relayPath;
    this.#control = daemon.stdio[4] as Socket;
    const parser = new FrameParser();
    this.#control.on('error', () => undefined);
    this.#control.on('data', (chunk: Buffer) => {
      parser.push(chunk);
      for (let frame = parser.next(); frame !== undefined; frame = parser.next()) this.#receive(frame.type, frame.data);
    });
  }

  /** `program` is what Node is to run, with its options. */
  static async start(
    program: readonly string[],
    runDir: string,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<StandInKeeper> {
    await mkdir(path.join(runDir, 'daemon'), { recursive: true, mode: 0o700 });
    const relayPath = path.join(runDir, 'daemon', `relay.${process.hrtime.bigint()}`);
    const listener = createServer();
    listener.listen(`${relayPath}.new`);
    await once(listener, 'listening');
    // Node removes the name that it gave when it closes the socket here.
    await rename(`${relayPath}.new`, relayPath);
    const { fd } = (listener as unknown as { readonly _handle: { readonly fd: number } })._handle;
    const [, start = ''] = /\) (.*)$/s.exec(await readFile('/proc/self/stat', 'utf8')) ?? [];
    const daemon = spawn(process.execPath, program, {
      stdio: ['ignore', 'inherit', 'inherit', fd, 'pipe'],
      env: {
        PATH: process.env['PATH'],
        LXCRI_BUILD: 'test',
        LXCRI_RUN_DIR: runDir,
        LXCRI_LIB_DIR: path.join(runDir, '../lib'),
        LXCRI_KEEPER: `${process.pid}.${start.split(' ')[19] ?? ''}`,
        LXCRI_LOG_LEVEL: 'error',
        ...environment,
      },
    });
    // The daemon alone is to accept.
    listener.close();
    return new StandInKeeper(relayPath, daemon);
  }

  /** What the daemon has sent, but for events. */
  get sent(): readonly number[] {
    return this.#frames.map(({ type }) => type);
  }

  /** Waits for the next frame, which has to be of this type. */
  async next(type: number): Promise<ControlFrame> {
    const frame = await eventually(() => this.#frames.shift());
    if (frame.type !== type) throw new Error(`the daemon sent a frame of type ${frame.type}: expected ${type}`);
    return frame;
  }

  say(type: number, words: readonly string[] = [], rest?: Uint8Array): void {
    this.#control.write(encodeKeeperFrame(type, words, rest));
  }

  /** Lets a daemon serve that has just been started. */
  async begin(): Promise<void> {
    await this.next(FrameType.Loaded);
    this.say(FrameType.Begin);
    await this.next(FrameType.Ready);
  }

  /** A relayed connection, introduced. */
  async relay(namespace: string, connection: number, last = 0): Promise<Socket> {
    const socket = connect(this.#relayPath);
    await once(socket, 'connect');
    socket.write(encodeKeeperFrame(FrameType.Introduction, [namespace, String(connection), String(last)]));
    return socket;
  }

  async relayClient(namespace: string, connection: number): Promise<Client> {
    return new Client(await this.relay(namespace, connection));
  }

  /** What the daemon ends with: its exit code, or the signal's name. */
  async ended(): Promise<number | string | null> {
    const { daemon } = this;
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, 'exit');
    return daemon.signalCode ?? daemon.exitCode;
  }

  /** As if the keeper died. */
  hangUp(): void {
    this.#control.destroy();
  }

  close(): void {
    this.daemon.kill('SIGKILL');
    this.#control.destroy();
    this.courier.close();
  }

  #receive(type: number, data: Uint8Array): void {
    if (type === FrameType.Publish) void this.#publish(data);
    else if (type === FrameType.Recorded) this.courier.recorded(splitWords(data, 1).words[0] ?? '');
    else this.#frames.push({ type, data: Buffer.from(data) });
  }

  async #publish(data: Uint8Array): Promise<void> {
    const { words, rest } = splitWords(data, 2);
    const [key = '', address = ''] = words;
    const answer = await this.courier.forward(key, address, rest).then(
      (response) => Buffer.concat([Buffer.from('A'), response]),
      (error: unknown) => Buffer.from(`F${String(error)}`),
    );
    this.say(FrameType.Published, [key], answer);
  }
}
