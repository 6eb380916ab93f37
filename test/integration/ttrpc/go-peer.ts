import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { ExecutionContext } from 'ava';
import { execa } from 'execa';

/** The vendored ttrpc of a containerd, and the module file and build tag that build our Go program against it. */
export const goVersions = [
  { name: 'ttrpc 1.1.1, of containerd 1.6', modfile: 'go-1.1.mod', tag: 'ttrpc11' },
  { name: 'ttrpc 1.2.7, of containerd 2.1', modfile: 'go.mod', tag: 'ttrpc12' },
] as const;
export type GoVersion = (typeof goVersions)[number];

/** Builds the Go program into `directory` and returns its path. Needs `go`; what it downloads, Go caches. */
export async function buildPeer(directory: string, { modfile, tag }: GoVersion): Promise<string> {
  const binary = path.join(directory, `peer-${modfile}`);
  await execa('go', ['build', '-modfile', modfile, '-tags', tag, '-o', binary, '.'], {
    cwd: path.join(import.meta.dirname, 'go'),
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/local/go/bin`, CGO_ENABLED: '0' },
    timeout: 150_000,
  });
  return binary;
}

export interface Command {
  readonly Service?: string;
  readonly Method: string;
  readonly Payload?: string;
  readonly Repeat?: number;
  readonly TimeoutMs?: number;
  readonly Metadata?: Readonly<Record<string, readonly string[]>>;
}

export interface Result {
  readonly id: number;
  /** Its first 64 bytes. */
  readonly payload: string;
  readonly length: number;
  readonly code: number;
  readonly message: string;
}

type Peer = ChildProcessByStdio<Writable, Readable, null>;

function start(t: ExecutionContext, binary: string, args: readonly string[]): Peer {
  const peer = spawn(binary, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => {
    peer.kill('SIGKILL');
  });
  return peer;
}

/** A Go client, connected to `socketPath`. */
export class GoClient {
  readonly #peer: Peer;
  readonly #waiting = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>();
  readonly #exited: Promise<unknown>;
  #lastId = 0;

  constructor(t: ExecutionContext, binary: string, socketPath: string) {
    this.#peer = start(t, binary, ['call', socketPath]);
    this.#exited = once(this.#peer, 'exit').then(([code]) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the Go client exited with ${String(code)}`));
    });
    createInterface({ input: this.#peer.stdout }).on('line', (line) => {
      const result = JSON.parse(line) as Result;
      this.#waiting.get(result.id)?.resolve(result);
      this.#waiting.delete(result.id);
    });
  }

  call(command: Command): Promise<Result> {
    const ID = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(ID, { resolve, reject });
      this.#peer.stdin.write(`${JSON.stringify({ ...command, ID })}\n`);
    });
  }

  /** Closes the connection once every call is answered. */
  async close(): Promise<void> {
    this.#peer.stdin.end();
    await this.#exited;
  }
}

/** A Go server that listens on `socketPath`. */
export class GoServer {
  readonly #peer: Peer;
  readonly #exited: Promise<unknown[]>;

  private constructor(peer: Peer) {
    this.#peer = peer;
    this.#exited = once(peer, 'exit');
  }

  static async start(t: ExecutionContext, binary: string, socketPath: string): Promise<GoServer> {
    const peer = start(t, binary, ['serve', socketPath]);
    const server = new GoServer(peer);
    await once(createInterface({ input: peer.stdout }), 'line');
    return server;
  }

  /** Tells the server to close in order. */
  terminate(): void {
    this.#peer.kill('SIGTERM');
  }

  /** The exit status, once the server has ended; null if a signal ended it. */
  async exitStatus(): Promise<number | null> {
    const [code] = await this.#exited;
    return code as number | null;
  }
}

const BYTES_VALUE_TAG = (1 << 3) | 2;

/** google.protobuf.BytesValue, in which the Go program wraps every payload. */
export function wrap(value: Uint8Array | string): Uint8Array {
  return new BinaryWriter().uint32(BYTES_VALUE_TAG).bytes(Buffer.from(value)).finish();
}

export function unwrap(message: Uint8Array): string {
  if (message.length === 0) return '';
  const reader = new BinaryReader(message);
  const tag = reader.uint32();
  if (tag !== BYTES_VALUE_TAG) throw new Error(`not a BytesValue: tag ${tag}`);
  return Buffer.from(reader.bytes()).toString();
}
