/** One event of a container, ready to be sent. */
export interface TaskEvent {
  readonly topic: string;
  /** The bare message name, as containerd's typeurl wants it: `containerd.events.TaskExit`. */
  readonly typeUrl: string;
  /** The encoded message. */
  readonly value: Uint8Array;
  readonly timestamp: EventTime;
  /** Which exec it is about; absent for the container and its first process. */
  readonly execId?: string;
}

export interface EventTime {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** Where a container's events go: written by the launcher into the bundle as `publisher`. */
export interface EventTarget {
  /** A Unix socket's path, or empty. */
  readonly ttrpc: string;
  readonly grpc: string;
  /** The program that containerd says can publish: containerd itself. */
  readonly binary: string;
}

/** Lines of key=value; what is missing is empty. */
export function parseEventTarget(text: string): EventTarget {
  const values = new Map(
    text.split('\n').map((line) => {
      const [key = '', ...rest] = line.split('=');
      return [key, rest.join('=')] as const;
    }),
  );
  return { ttrpc: values.get('ttrpc') ?? '', grpc: values.get('grpc') ?? '', binary: values.get('binary') ?? '' };
}

export function now(): EventTime {
  const milliseconds = Date.now();
  return { seconds: BigInt(Math.floor(milliseconds / 1000)), nanos: (milliseconds % 1000) * 1_000_000 };
}
