import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { Client } from '../../../shim/ttrpc/client.ts';
import { decodeResponse, encodeRequestFrame, type Request } from '../../../shim/ttrpc/envelope.ts';
import { HEADER_BYTES, writeHeader, type Frame } from '../../../shim/ttrpc/frame.ts';
import { FrameParser } from '../../../shim/ttrpc/frame-parser.ts';
import type { Logger } from '../../../shim/ttrpc/logger.ts';
import { Server, type HandlerTable } from '../../../shim/ttrpc/server.ts';

export const SERVICE = 'test.v1.Test';

/** A promise with its ends outside. */
export function deferred<T = void>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly err: unknown;
}

/** A logger that keeps what it is told. */
export function recordingLogger() {
  const lines: LogLine[] = [];
  const record = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, message, err: (fields as { err?: unknown }).err });
  };
  return { lines, debug: record('debug'), warn: record('warn'), error: record('error') };
}

/** A server on a Unix socket with one service, all gone when the test ends. */
export async function startServer(t: ExecutionContext, handlers: HandlerTable) {
  const socketPath = await makeSocketPath(t);
  const logger = recordingLogger();
  const server = new Server({ logger });
  server.register(SERVICE, handlers);
  const listener = createServer();
  server.serve(listener);
  listener.listen(socketPath);
  await once(listener, 'listening');
  t.teardown(() => {
    server.destroy();
  });
  const connectClient = async () => {
    const client = await Client.connect(socketPath);
    t.teardown(() => {
      client.close();
    });
    return client;
  };
  return { server, listener, socketPath, log: logger.lines, connectClient };
}

export async function makeSocketPath(t: ExecutionContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'ttrpc-'));
  t.teardown(() => rm(directory, { recursive: true }));
  return path.join(directory, 's');
}

/** The other end of a connection, speaking in bytes and frames. */
export class RawPeer {
  readonly socket: Socket;
  readonly #parser = new FrameParser();
  readonly #frames: Frame[] = [];
  #wake = deferred();
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#parser.push(chunk);
      for (let frame = this.#parser.next(); frame !== undefined; frame = this.#parser.next()) this.#frames.push(frame);
      this.#wake.resolve();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        resolve();
        this.#wake.resolve();
      });
    });
  }

  static async connect(t: ExecutionContext, socketPath: string): Promise<RawPeer> {
    const socket = connect(socketPath);
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next frame; undefined if the connection closed before it came. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined || this.socket.closed) return frame;
      this.#wake = deferred();
      await this.#wake.promise;
    }
  }

  /** The next frame as an answer to a call. */
  async nextAnswer() {
    const frame = await this.next();
    if (frame === undefined) throw new Error('the connection closed before an answer came');
    const { status, payload } = decodeResponse(frame.data);
    return { streamId: frame.streamId, type: frame.type, status, payload: Buffer.from(payload).toString() };
  }
}

/** A frame of any kind. */
export function rawFrame(streamId: number, type: number, flags: number, data: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + data.length);
  frame.set(data, HEADER_BYTES);
  writeHeader(frame, streamId, type, flags);
  return frame;
}

export function requestFrame(streamId: number, request: Partial<Request>): Buffer {
  const defaults = { service: SERVICE, method: 'Echo', payload: new Uint8Array(0), timeoutNano: 0n, metadata: [] };
  return Buffer.from(encodeRequestFrame(streamId, { ...defaults, ...request }));
}

export const bytes = (text: string) => Buffer.from(text);
export const text = (data: Uint8Array) => Buffer.from(data).toString();

export const echo: HandlerTable = { Echo: (payload) => Promise.resolve(payload) };

/** The next turn of the event loop. */
export const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Lets everything that is ready in this process happen, by many turns of its event loop with calls to a server. */
export async function settle(client: Client): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await client.call(SERVICE, 'Echo', bytes(''));
}
