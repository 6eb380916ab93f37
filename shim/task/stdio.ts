import { invalidArgument } from '../../common/errors.ts';

/** A task's standard streams as its client named them: FIFOs, files to append to, or empty for none. */
export interface Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** Makes of each stream a path for the monitor, which opens it. */
export function resolveStdio({ stdin, stdout, stderr, terminal }: Stdio): readonly [string, string, string] {
  if (terminal) throw invalidArgument('terminal is true: this shim has no terminals yet; run without one');
  return [resolveStream('stdin', stdin), resolveStream('stdout', stdout), resolveStream('stderr', stderr)];
}

/** A plain path is a FIFO (or a file); `fifo://` says the same; `file://` is appended to. */
function resolveStream(name: string, value: string): string {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(value);
  if (match === null) return checkPath(name, value);
  const [, scheme = '', rest = ''] = match;
  if (scheme === 'fifo' || (scheme === 'file' && name !== 'stdin')) return checkPath(name, decodeURIComponent(rest));
  throw invalidArgument(`${name} is ${JSON.stringify(value)}: the scheme ${scheme}:// is not supported here yet`);
}

function checkPath(name: string, path: string): string {
  if (path !== '' && !path.startsWith('/')) {
    throw invalidArgument(`${name} is ${JSON.stringify(path)}: expected an absolute path`);
  }
  if (path.includes('\0')) throw invalidArgument(`${name} contains a NUL character`);
  return path;
}
