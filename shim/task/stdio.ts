import { invalidArgument } from '../../common/errors.ts';
import type { Plan } from '../monitor/plan.ts';

/** A process's standard streams as its client named them: FIFOs, files to append to, a logger, or empty for none. */
export interface Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** What a logger is told of whose output it gets. */
export interface StdioOwner {
  readonly namespace: string;
  /** The container's id, or the exec's. */
  readonly id: string;
  /** A path of the host's network namespace, in which loggers run. */
  readonly hostNetwork: string;
}

/** Adds the streams to the monitor's plan; the monitor opens them. */
export function planStdio({ stdin, stdout, stderr, terminal }: Stdio, owner: StdioOwner, plan: Plan): void {
  if (terminal) plan.add('terminal');
  planStream('stdin', stdin, plan);
  // As with containerd's shims, what stdout names decides.
  if (stdout.startsWith('binary://')) {
    planLogger(stdout, owner, plan);
    return;
  }
  planStream('stdout', stdout, plan);
  // A terminal has one output.
  planStream('stderr', terminal ? '' : stderr, plan);
}

const NUMBERS = { stdin: 0, stdout: 1, stderr: 2 } as const;

/** A plain path is a FIFO (or a file); `fifo://` says the same; `file://` is made if need be, and appended to. */
function planStream(name: keyof typeof NUMBERS, value: string, plan: Plan): void {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(value);
  const [, scheme = 'fifo', rest = ''] = match ?? [];
  const path = checkPath(name, match === null ? value : decodePath(rest));
  if (scheme === 'fifo') plan.add('stdio', NUMBERS[name], path);
  else if (scheme === 'file' && name !== 'stdin') plan.add('log-file', NUMBERS[name], path);
  else throw invalidArgument(`${name} is ${JSON.stringify(value)}: ${expectation(name)}`);
}

function expectation(name: string): string {
  if (name === 'stdin') return 'expected the path of a FIFO, or none';
  const logger = name === 'stdout' ? ', binary:// with the path of a logger' : '';
  return `expected the path of a FIFO, file:// with one${logger}, or none`;
}

/** `binary:///path?key=value`: the program and, by turns, keys and values as its arguments (containerd, pkg/process/io.go). */
function planLogger(value: string, { namespace, id, hostNetwork }: StdioOwner, plan: Plan): void {
  const [address = '', query = ''] = value.slice('binary://'.length).split(/\?(.*)/s);
  const program = checkPath('stdout', decodePath(address));
  if (program === '') throw invalidArgument('stdout is "binary://": the path of a logger is missing');
  plan.add('logger', program, hostNetwork);
  for (const word of [...new URLSearchParams(query)].flat()) plan.add('logger-argument', checkText(word));
  plan.add('logger-environment', `CONTAINER_ID=${id}`).add('logger-environment', `CONTAINER_NAMESPACE=${namespace}`);
}

function checkText(text: string): string {
  if (text.includes('\0')) throw invalidArgument('stdout contains a NUL character');
  return text;
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function checkPath(name: string, path: string): string {
  if (path !== '' && !path.startsWith('/')) {
    throw invalidArgument(`${name} is ${JSON.stringify(path)}: expected an absolute path`);
  }
  if (path.includes('\0')) throw invalidArgument(`${name} contains a NUL character`);
  return path;
}
