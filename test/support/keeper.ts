import { connect } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { access } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { isAlive } from './processes.ts';

export type DaemonState = 'asleep' | 'starting' | 'ready' | 'leaving' | 'backoff';

/** What a run directory's keeper says of itself and of its daemon. */
export interface KeeperStatus {
  readonly keeper: number;
  /** 0: none. */
  readonly daemon: number;
  readonly state: DaemonState;
  readonly build: string;
  /** Unanswered ones. */
  readonly requests: number;
  readonly connections: number;
}

const STATES: readonly string[] = ['asleep', 'starting', 'ready', 'leaving', 'backoff'] satisfies DaemonState[];
const ANSWER_MS = 5000;

export const keeperSocket = (runDir: string) => path.join(runDir, 'keeper.sock');

/** Is there a keeper's socket? */
export const hasKeeper = (runDir: string): Promise<boolean> =>
  access(keeperSocket(runDir)).then(
    () => true,
    () => false,
  );

/** One request on the control socket, and all that comes back. @throws Error unless there is an answer in time. */
export async function askKeeper(runDir: string, request: string): Promise<string> {
  const socket = connect(keeperSocket(runDir));
  socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`the keeper did not answer ${request} in time`)));
  socket.write(`${request}\n`);
  return text(socket);
}

export async function keeperStatus(runDir: string): Promise<KeeperStatus> {
  const answer = await askKeeper(runDir, 'status');
  const words = new Map(answer.split('\n').map((line) => splitOnce(line)));
  const state = words.get('state') ?? '';
  if (!isState(state)) throw new Error(`not a keeper's status: ${JSON.stringify(answer)}`);
  const number = (name: string) => Number(words.get(name));
  return {
    ...{ keeper: number('keeper'), daemon: number('daemon'), state, build: words.get('build') ?? '' },
    ...{ requests: number('requests'), connections: number('connections') },
  };
}

function splitOnce(line: string): readonly [string, string] {
  const space = line.indexOf(' ');
  return [line.slice(0, space), line.slice(space + 1)];
}

const isState = (text: string): text is DaemonState => STATES.includes(text);

/** Waits until a daemon serves; `not` is one that must have been replaced. @returns the keeper's status then. */
export function daemonServes(runDir: string, { not = 0 } = {}): Promise<KeeperStatus> {
  return eventually(async () => {
    const status = await keeperStatus(runDir);
    return status.state === 'ready' && status.daemon !== 0 && status.daemon !== not ? status : undefined;
  });
}

export function daemonSleeps(runDir: string, { timeoutMs = 20_000 } = {}): Promise<KeeperStatus> {
  return eventually(
    async () => {
      const status = await keeperStatus(runDir);
      return status.state === 'asleep' && status.daemon === 0 ? status : undefined;
    },
    { timeoutMs },
  );
}

/** kill -9 of the daemon, whatever it does at this moment. @returns its pid, or 0 where there was none. */
export async function killKeptDaemon(runDir: string): Promise<number> {
  const { daemon } = await keeperStatus(runDir);
  if (daemon === 0 || !(await isAlive(daemon))) return 0;
  try {
    process.kill(daemon, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 0;
    throw error;
  }
  return daemon;
}
