import { invalidArgument } from '../../common/errors.ts';
import type { Plan } from '../monitor/plan.ts';

/** A task's standard streams as its client named them: FIFOs, files to append to, or empty for none. */
export interface Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

/** Adds the streams to the monitor's plan; the monitor opens them. */
export function planStdio({ stdin, stdout, stderr, terminal }: Stdio, plan: Plan): void {
  if (terminal) throw invalidArgument('terminal is true: this shim has no terminals yet; run without one');
  const streams = [
    ['stdin', stdin],
    ['stdout', stdout],
    ['stderr', stderr],
  ] as const;
  streams.forEach(([name, value], index) => {
    const { operation, path } = resolveStream(name, value);
    plan.add(operation, index, path);
  });
}

/** A plain path is a FIFO (or a file); `fifo://` says the same; `file://` is made if need be, and appended to. */
function resolveStream(name: string, value: string): { operation: 'stdio' | 'log-file'; path: string } {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(value);
  if (match === null) return { operation: 'stdio', path: checkPath(name, value) };
  const [, scheme = '', rest = ''] = match;
  const path = checkPath(name, decodePath(rest));
  if (scheme === 'fifo') return { operation: 'stdio', path };
  if (scheme === 'file' && name !== 'stdin') return { operation: 'log-file', path };
  throw invalidArgument(`${name} is ${JSON.stringify(value)}: the scheme ${scheme}:// is not supported here yet`);
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
