import type { Socket } from 'node:net';
import { Code, StatusError } from '../../common/errors.ts';
import type { Courier } from '../events/courier.ts';
import { Deferred } from '../task/deferred.ts';
import type { Frame } from '../ttrpc/frame.ts';
import { FrameSocket } from '../ttrpc/frame-socket.ts';
import { encodeKeeperFrame, FrameType, splitWords } from './keeper-protocol.ts';

/** What the keeper tells without being asked. */
export interface KeeperListener {
  /** A Create is about to come. */
  announced(): void;
  /** A successor waits for this daemon's end. */
  handover(): void;
  /** The keeper is dead, and with it all connections. */
  gone(): void;
}

const ANSWERED = 'A'.charCodeAt(0);

/** The daemon's end of the control socket. */
export class KeeperLink implements Courier {
  readonly #frames: FrameSocket;
  readonly #listener: KeeperListener;
  readonly #begun = new Deferred<void>();
  readonly #forwarded = new Map<string, Deferred<Uint8Array>>();
  #asked: Deferred<boolean> | undefined;
  #announcements = 0;
  #recorded = 0;

  constructor(socket: Socket, listener: KeeperListener) {
    this.#listener = listener;
    const receiver = {
      onFrame: (frame: Frame) => {
        this.#receive(frame);
      },
      onClose: () => {
        listener.gone();
      },
    };
    this.#frames = new FrameSocket(socket, receiver, { writeHighWaterBytes: Infinity });
    this.#frames.start();
  }

  /** Grows whenever the keeper announces a container or has brought something. */
  get activity(): number {
    return this.#announcements + this.#recorded;
  }

  /** Says that all code is loaded; resolves when the keeper lets this daemon begin. */
  async begin(): Promise<void> {
    this.#send(FrameType.Loaded);
    await this.#begun.promise;
  }

  /** Says that relayed connections may come. */
  ready(): void {
    this.#send(FrameType.Ready);
  }

  /**
   * Asks whether this daemon may end, which has read so many requests in its life and has so many containers. Asked once
   * at a time.
   */
  async maySleep(requests: number, containers: number): Promise<boolean> {
    this.#asked = new Deferred<boolean>();
    this.#send(FrameType.Sleep, [String(requests), String(containers)]);
    return this.#asked.promise;
  }

  async forward(key: string, address: string, request: Uint8Array): Promise<Uint8Array> {
    const answer = this.#forwarded.get(key) ?? new Deferred<Uint8Array>();
    this.#forwarded.set(key, answer);
    this.#send(FrameType.Publish, [key, address], request);
    return answer.promise;
  }

  recorded(key: string): void {
    this.#recorded += 1;
    this.#send(FrameType.Recorded, [key]);
  }

  #send(type: number, words: readonly string[] = [], rest?: Uint8Array): void {
    this.#frames.send(encodeKeeperFrame(type, words, rest));
  }

  #receive({ type, data }: Frame): void {
    switch (type) {
      case FrameType.Begin:
        this.#begun.resolve();
        break;
      case FrameType.Go:
      case FrameType.Stay:
        this.#asked?.resolve(type === FrameType.Go);
        break;
      case FrameType.Handover:
        this.#listener.handover();
        break;
      case FrameType.Published:
        this.#receiveAnswer(data);
        break;
      case FrameType.Announced:
        this.#announcements += 1;
        this.#listener.announced();
        break;
      default:
      // The keeper may be of a newer build.
    }
  }

  #receiveAnswer(data: Uint8Array): void {
    const { words, rest } = splitWords(data, 1);
    const [key = ''] = words;
    const answer = this.#forwarded.get(key);
    this.#forwarded.delete(key);
    if (rest[0] === ANSWERED) answer?.resolve(rest.subarray(1));
    else answer?.reject(new StatusError(Code.Unavailable, Buffer.from(rest.subarray(1)).toString()));
  }
}
