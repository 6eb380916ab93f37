import type { StreamIdentity } from '../criu/streams.ts';

/** When and how a container's first process ended. */
export interface ExitRecord {
  /** The exit code, or 128 + the signal's number. */
  readonly status: number;
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** Of what SIGKILL has ended, and what runc's shim answers for a container of which nothing is known. */
export const SIGKILLED_STATUS = 128 + 9;

/** An end that nobody recorded: it is as late as now. */
export const endedNow = (status: number): ExitRecord => ({
  status,
  seconds: BigInt(Math.floor(Date.now() / 1000)),
  nanoseconds: 0,
});

/** A process of the host, told apart from a later one with the same pid by when it started. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly startTime: bigint;
}

/** What a monitor says (shim/native/monitor/control.c). `errno` is 0 where none applies. */
export type MonitorMessage =
  | { readonly type: 'created'; readonly init: ProcessIdentity }
  | { readonly type: 'running' }
  /** Whose call asked for the start. */
  | { readonly type: 'asked'; readonly call: string }
  /** A call was carried out, now or before. */
  | { readonly type: 'done'; readonly call: string; readonly errno: number }
  /** All that a connection begins with has been said. */
  | { readonly type: 'greeted' }
  | { readonly type: 'start-failed'; readonly errno: number; readonly text: string }
  | { readonly type: 'failed'; readonly errno: number; readonly text: string }
  | { readonly type: 'exited'; readonly exit: ExitRecord }
  | { readonly type: 'signalled'; readonly errno: number }
  /** How often the kernel killed in it for want of memory, all in all. */
  | { readonly type: 'oom'; readonly count: bigint }
  | { readonly type: 'exec'; readonly execId: string; readonly message: ExecMessage }
  /** With what criu ended: shim/native/monitor/criu.h. */
  | { readonly type: 'checkpointed'; readonly status: number }
  /** By number. */
  | { readonly type: 'streams'; readonly streams: readonly StreamIdentity[] }
  /** The last word of a monitor that was told to sleep. */
  | { readonly type: 'asleep' }
  | { readonly type: 'warning'; readonly text: string };

/** What it says of an exec. `failed`: nothing of it was started. */
export type ExecMessage =
  | { readonly type: 'asked'; readonly call: string }
  | { readonly type: 'running'; readonly process: ProcessIdentity }
  | { readonly type: 'failed'; readonly errno: number; readonly text: string }
  | { readonly type: 'exited'; readonly exit: ExitRecord }
  /** Its output has been read, or nobody will: the monitor has forgotten it. */
  | { readonly type: 'released' };

/** The forms of the lines; texts may be empty. A later build may say more at the end. */
const FORMS: readonly (readonly [form: RegExp, parse: (...words: string[]) => MonitorMessage])[] = [
  [/^created (\d+) (\d+)(?: |$)/, (...words) => ({ type: 'created', init: parseProcess(words) })],
  [/^running(?: |$)/, () => ({ type: 'running' })],
  [/^asked (\S+)(?: |$)/, (call = '') => ({ type: 'asked', call })],
  [/^done (\S+) (\d+)(?: |$)/, (call = '', errno = '0') => ({ type: 'done', call, errno: Number(errno) })],
  [/^greeted(?: |$)/, () => ({ type: 'greeted' })],
  [/^start-failed (\d+) (.*)$/s, (errno, text = '') => ({ type: 'start-failed', errno: Number(errno), text })],
  [/^failed (\d+) (.*)$/s, (errno, text = '') => ({ type: 'failed', errno: Number(errno), text })],
  [/^exited (\d+) (-?\d+) (\d+)(?: |$)/, (...words) => ({ type: 'exited', exit: parseExit(words) })],
  [/^signalled (\d+)(?: |$)/, (errno) => ({ type: 'signalled', errno: Number(errno) })],
  [/^oom (\d+)(?: |$)/, (count = '0') => ({ type: 'oom', count: BigInt(count) })],
  [
    /^exec (\S+) running (\d+) (\d+)(?: |$)/,
    execForm((...words) => ({ type: 'running', process: parseProcess(words) })),
  ],
  [/^exec (\S+) asked (\S+)(?: |$)/, execForm((call = '') => ({ type: 'asked', call }))],
  [/^exec (\S+) failed (\d+) (.*)$/s, execForm((errno, text = '') => ({ type: 'failed', errno: Number(errno), text }))],
  [
    /^exec (\S+) exited (\d+) (-?\d+) (\d+)(?: |$)/,
    execForm((...words) => ({ type: 'exited', exit: parseExit(words) })),
  ],
  [/^exec (\S+) released(?: |$)/, execForm(() => ({ type: 'released' }))],
  [/^checkpointed (\d+)(?: |$)/, (status) => ({ type: 'checkpointed', status: Number(status) })],
  [/^streams (\d+(?: \d+){8})(?: |$)/, (words = '') => ({ type: 'streams', streams: parseStreams(words.split(' ')) })],
  [/^asleep(?: |$)/, () => ({ type: 'asleep' })],
  [/^warning (.*)$/s, (text = '') => ({ type: 'warning', text })],
];

function execForm(parse: (...words: string[]) => ExecMessage): (...words: string[]) => MonitorMessage {
  return (execId = '', ...words) => ({ type: 'exec', execId, message: parse(...words) });
}

/** Undefined for a line that this build does not know: the monitor may be that of a newer one. */
export function parseMonitorMessage(line: string): MonitorMessage | undefined {
  for (const [form, parse] of FORMS) {
    const match = form.exec(line);
    if (match !== null) return parse(...match.slice(1));
  }
  return undefined;
}

/** The monitor's file `status` (shim/native/monitor/status-file.c). */
export interface MonitorStatus {
  readonly phase: 'creating' | 'created' | 'running' | 'stopped';
  /** The payload was executed. */
  readonly started: boolean;
  readonly init: ProcessIdentity;
  readonly exit: ExitRecord | undefined;
  /** How often the kernel had killed in it for want of memory when it ended. */
  readonly oomCount: bigint;
  /** Whose call asked for the start. */
  readonly asked?: string | undefined;
  /** Why the payload could not be executed. */
  readonly startFailure?: Failure | undefined;
  /** What became of calls that had an answer by the end: an errno, or 0. */
  readonly done?: ReadonlyMap<string, number>;
}

/** What a monitor said when its status came to be, but the end, in that order. */
export function messagesOf({ init, started, asked, startFailure, oomCount }: MonitorStatus): MonitorMessage[] {
  return [
    { type: 'created', init },
    ...(asked === undefined ? [] : [{ type: 'asked', call: asked } as const]),
    ...(startFailure === undefined ? [] : [{ type: 'start-failed', ...startFailure } as const]),
    ...(started ? [{ type: 'running' } as const] : []),
    ...(oomCount > 0n ? [{ type: 'oom', count: oomCount } as const] : []),
  ];
}

export interface Failure {
  readonly errno: number;
  readonly text: string;
}

/** `ERRNO TEXT`. */
export function parseFailure(text: string): Failure {
  const [, errno = '0', reason = ''] = /^(\d+) (.*)$/s.exec(text.trim()) ?? [];
  return { errno: Number(errno), text: reason };
}

/** @throws Error for a file that no monitor wrote. */
export function parseMonitorStatus(text: string): MonitorStatus {
  const all = text
    .trim()
    .split('\n')
    .map((line) => {
      const [key = '', ...words] = line.split(' ');
      return [key, words] as const;
    });
  const lines = new Map(all);
  const phase = lines.get('phase')?.[0];
  if (phase !== 'creating' && phase !== 'created' && phase !== 'running' && phase !== 'stopped') {
    throw new Error(`a status file has phase ${String(phase)}`);
  }
  const exit = lines.get('exit');
  const failure = lines.get('start-failed');
  const done = all.flatMap(([key, [call = '', errno]]) => (key === 'done' ? [[call, Number(errno)] as const] : []));
  return {
    phase,
    started: lines.get('started')?.[0] === '1',
    init: parseProcess(lines.get('pid') ?? []),
    exit: exit === undefined ? undefined : parseExit(exit),
    oomCount: BigInt(lines.get('oom')?.[0] ?? 0),
    ...(lines.has('asked') ? { asked: lines.get('asked')?.[0] } : {}),
    ...(failure === undefined ? {} : { startFailure: parseFailure(failure.join(' ')) }),
    ...(done.length === 0 ? {} : { done: new Map(done) }),
  };
}

/** Of each stream its mode, in octal, its mount and its inode. */
function parseStreams(words: readonly string[]): readonly StreamIdentity[] {
  return [0, 1, 2].map((stream) => {
    const [mode = '0', mount = '0', inode = '0'] = words.slice(3 * stream);
    return { mode: Number.parseInt(mode, 8), mount: BigInt(mount), inode: BigInt(inode) };
  });
}

function parseProcess([pid, startTime]: readonly string[]): ProcessIdentity {
  return { pid: Number(pid ?? 0), startTime: BigInt(startTime ?? 0) };
}

function parseExit([status, seconds, nanoseconds]: readonly string[]): ExitRecord {
  return { status: Number(status), seconds: BigInt(seconds ?? 0), nanoseconds: Number(nanoseconds) };
}
