import { constants } from 'node:os';
import { StatusError, internal, invalidArgument, notFound, Code } from '../../common/errors.ts';
import type { ExitRecord } from '../monitor/messages.ts';
import type { CallIdentity } from './call-identity.ts';
import { PROCESS_ALREADY_FINISHED } from './messages.ts';
import type { Stdio } from './stdio.ts';

export type ProcessStatus = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

/** In characters. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** A process that clients know: a container's first one, or one that Exec added. */
export interface TaskProcess {
  /** Empty for the container's first process. */
  readonly execId: string;
  readonly status: ProcessStatus;
  /** On the host; 0 before it runs. */
  readonly pid: number;
  readonly stdio: Stdio;
  readonly exit: ExitRecord | undefined;
  /** `call` is whose call it is, here and below: done once, it is answered again. @returns its pid. */
  start(call?: CallIdentity): Promise<number>;
  wait(): Promise<ExitRecord>;
  /** `all` means every process of the container, and is the first process's alone. */
  kill(signal: number, all: boolean, call?: CallIdentity): Promise<void>;
  closeStdin(call?: CallIdentity): Promise<void>;
  resize(size: TerminalSize, call?: CallIdentity): Promise<void>;
}

const { ESRCH, EINVAL } = constants.errno;

/** Turns the errno of a signal that was sent into what the client is told. */
export function checkSignalled(errno: number, signal: number): void {
  if (errno === 0) return;
  if (errno === ESRCH) throw notFound(PROCESS_ALREADY_FINISHED);
  if (errno === EINVAL) throw invalidArgument(`signal is ${signal}: expected one that Linux has, 0 to 64`);
  throw internal(`signal ${signal} could not be sent (errno ${errno})`);
}

const MAX_SIZE = 65_535;

/** The monitor's command for a new size. */
export function resizeCommand({ width, height }: TerminalSize): string {
  for (const [name, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (value > MAX_SIZE) throw invalidArgument(`${name} is ${value}: expected 0 to ${MAX_SIZE} characters`);
  }
  return `resize ${height} ${width}`;
}

export const plainError = (message: string) => new StatusError(Code.Unknown, message);
