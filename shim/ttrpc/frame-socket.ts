import type { Socket } from 'node:net';
import type { Frame } from './frame.ts';
import { FrameParser } from './frame-parser.ts';

/**
 * Frames handled before other connections get their turn. It also lets quick calls write their replies, and so lets
 * back-pressure be felt, before thousands more that came in the same chunk are started.
 */
const FRAMES_PER_TURN = 64;

export interface FrameReceiver {
  onFrame(frame: Frame): void;
  /** Once, and the last call of all. `reason` is absent if the connection was closed in order, between two frames. */
  onClose(reason: Error | undefined): void;
}

export interface FrameSocketOptions {
  /**
   * Bytes that may wait to be written before we read no more from the peer. A server needs such a bound against peers
   * that ask and do not listen. A client must have none: if both ends waited for the other to read, neither would.
   */
  writeHighWaterBytes: number;
}

/** Frames over a socket: reads them in order under back-pressure, writes each in one piece. */
export class FrameSocket {
  readonly #socket: Socket;
  readonly #receiver: FrameReceiver;
  readonly #writeHighWaterBytes: number;
  readonly #parser = new FrameParser();
  /** The peer does not take what we write; nothing is read from it until the socket has drained. */
  #congested = false;
  #turnScheduled = false;
  #closed = false;

  constructor(socket: Socket, receiver: FrameReceiver, options: FrameSocketOptions) {
    this.#socket = socket;
    this.#receiver = receiver;
    // Below its own mark a socket tells nobody that it has drained.
    this.#writeHighWaterBytes = Math.max(options.writeHighWaterBytes, socket.writableHighWaterMark);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Starts to read, first what was `unshift`ed into the socket. */
  start(): void {
    const socket = this.#socket;
    socket.on('data', (chunk: Buffer) => {
      this.#parser.push(chunk);
      this.#readFrames();
    });
    socket.on('drain', () => {
      this.#congested = false;
      this.#readFrames();
    });
    // Like Go's server we take the end of the peer's half for the end of the connection: nobody is left to answer.
    socket.on('end', () => {
      this.#close(this.#parser.insideFrame ? new Error('the connection ended inside a frame') : undefined);
    });
    socket.on('error', (error) => {
      this.#close(error);
    });
    socket.on('close', () => {
      this.#close(undefined);
    });
    // A socket handed over by another reader may have ended, and told it, before we listened.
    if (socket.destroyed || socket.readableEnded) this.#close(undefined);
    else socket.resume();
  }

  /** Writes a whole frame. `flushed` is called when the kernel has it, or when it is certain that it never will. */
  send(frame: Uint8Array, flushed?: () => void): void {
    this.#socket.write(frame, flushed);
    if (this.#socket.writableLength > this.#writeHighWaterBytes) {
      this.#congested = true;
      this.#socket.pause();
    }
  }

  /** Flushes what was written, then closes. */
  end(): void {
    this.#socket.destroySoon();
  }

  /** Closes at once; what is not flushed is lost. */
  destroy(reason?: Error): void {
    this.#close(reason);
  }

  #readFrames(): void {
    try {
      for (let handled = 0; handled < FRAMES_PER_TURN; handled++) {
        if (this.#closed || this.#congested) return;
        const frame = this.#parser.next();
        if (frame === undefined) {
          this.#socket.resume();
          return;
        }
        this.#receiver.onFrame(frame);
      }
      this.#continueNextTurn();
    } catch (error) {
      this.#close(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #continueNextTurn(): void {
    this.#socket.pause();
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      this.#readFrames();
    });
  }

  #close(reason: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    this.#receiver.onClose(reason);
  }
}
