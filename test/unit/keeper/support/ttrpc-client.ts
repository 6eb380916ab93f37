import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Request, Response } from '../../../../proto/gen/ttrpc.ts';

const HEADER_BYTES = 10;

/** A whole frame of this content. */
export function frame(streamId: number, type: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(data.length, 0);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt8(type, 8);
  return Buffer.concat([header, data]);
}

/** The frame of a request to the stand-in daemon, its payload filled up to `size` bytes. */
export function request(streamId: number, payload: object, size = 0): Buffer {
  const text = Buffer.from(JSON.stringify(payload).padEnd(size));
  const message = { service: 'test', method: 'Do', payload: text, timeoutNano: 0n, metadata: [] };
  return frame(streamId, 1, Request.encode(message).finish());
}

export interface Answer {
  readonly streamId: number;
  readonly code: number;
  readonly message: string;
  /** What the stand-in daemon answered. */
  readonly value: Record<string, unknown>;
}

/** A client as containerd is one, that sees every frame. */
export class TtrpcClient {
  readonly socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #lastStreamId = -1;
  readonly #answers = new Map<number, Answer>();
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      this.#read(data);
    });
  }

  static async connect(socketPath: string): Promise<TtrpcClient> {
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    await once(socket, 'connect');
    return new TtrpcClient(socket);
  }

  /** Sends a request to the stand-in daemon, and does not wait; returns its stream. */
  send(payload: object, size = 0): number {
    this.#lastStreamId += 2;
    this.socket.write(request(this.#lastStreamId, payload, size));
    return this.#lastStreamId;
  }

  async answer(streamId: number): Promise<Answer> {
    return this.#answers.get(streamId) ?? new Promise((resolve) => this.#waiting.set(streamId, resolve));
  }

  hasAnswer(streamId: number): boolean {
    return this.#answers.has(streamId);
  }

  /** Sends a request and waits for what the stand-in daemon has to say. */
  async ask(payload: object, size = 0): Promise<Record<string, unknown>> {
    const { code, message, value } = await this.answer(this.send(payload, size));
    if (code !== 0) throw new Error(`${message} (code ${code})`);
    return value;
  }

  close(): void {
    this.socket.destroy();
  }

  #read(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data]);
    while (this.#rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + this.#rest.readUInt32BE(0);
      if (this.#rest.length < end) return;
      this.#take(this.#rest.readUInt32BE(4), this.#rest.subarray(HEADER_BYTES, end));
      this.#rest = this.#rest.subarray(end);
    }
  }

  #take(streamId: number, data: Buffer): void {
    const { status, payload } = Response.decode(data);
    const text = Buffer.from(payload).toString();
    const answer: Answer = {
      streamId,
      code: status?.code ?? 0,
      message: status?.message ?? '',
      value: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    this.#answers.set(streamId, answer);
    this.#waiting.get(streamId)?.(answer);
  }
}
