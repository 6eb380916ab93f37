import type { StatusError } from '../../common/errors.ts';
import type { CallContext, ConnectionIdentity } from './call-context.ts';
import type { Request } from './envelope.ts';
import { deadlineExceeded, nanosecondsToMilliseconds, startTimeout, type Timeout } from './timeout.ts';

const NO_METADATA: ReadonlyMap<string, readonly string[]> = new Map();

/** One running call of a server: the context its handler sees, and the state that ends it once. */
export class ServerCall implements CallContext {
  readonly service: string;
  readonly method: string;
  readonly metadata: ReadonlyMap<string, readonly string[]>;
  readonly deadline: number | undefined;
  readonly connection: ConnectionIdentity;
  readonly streamId: number;
  readonly #timeout: Timeout | undefined;
  // Few handlers ask for the signal, and a controller costs more than the rest of the call.
  #controller: AbortController | undefined;
  #abortReason: StatusError | undefined;
  readonly #afterReply: (() => void | Promise<void>)[] = [];

  /** `expired` is called once if the call runs into its deadline, after its signal was aborted. */
  constructor(
    streamId: number,
    request: Request,
    connection: ConnectionIdentity,
    expired: (error: StatusError) => void,
  ) {
    this.streamId = streamId;
    this.service = request.service;
    this.method = request.method;
    this.metadata = toMap(request.metadata);
    this.connection = connection;
    if (request.timeoutNano === 0n) return;
    const milliseconds = nanosecondsToMilliseconds(request.timeoutNano);
    this.deadline = Date.now() + milliseconds;
    this.#timeout = startTimeout(Math.max(milliseconds, 0), () => {
      const error = deadlineExceeded();
      this.abort(error);
      expired(error);
    });
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  afterReply(action: () => void | Promise<void>): void {
    this.#afterReply.push(action);
  }

  abort(reason: StatusError): void {
    this.#timeout?.clear();
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  /** To be called when the call needs no deadline any more. */
  stopTimeout(): void {
    this.#timeout?.clear();
  }

  get hasActionsAfterReply(): boolean {
    return this.#afterReply.length > 0;
  }

  /** Runs what the handler left for after its reply, one action after the other; never rejects. */
  async runActionsAfterReply(failed: (error: unknown) => void): Promise<void> {
    for (const action of this.#afterReply) {
      try {
        await action();
      } catch (error) {
        failed(error);
      }
    }
  }
}

function toMap(pairs: readonly [string, string][]): ReadonlyMap<string, readonly string[]> {
  if (pairs.length === 0) return NO_METADATA;
  const map = new Map<string, string[]>();
  for (const [key, value] of pairs) {
    const name = key.toLowerCase();
    const values = map.get(name);
    if (values === undefined) map.set(name, [value]);
    else values.push(value);
  }
  return map;
}
