import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { execa } from 'execa';
import { eventually } from './eventually.ts';
import { DIST_BIN } from './runtimes.ts';

/** The daemon's program, as the build made it. */
export const SNAPSHOTTER = path.join(DIST_BIN, 'layerfs-snapshotter');

const TIMEOUT_MS = 30_000;

/** A LayerFS of its own, on its overlay store, with all it has in one directory. */
export class Snapshotter {
  readonly root: string;
  readonly socket: string;
  readonly logFile: string;
  #daemon: ReturnType<typeof spawnDaemon> | undefined;

  constructor(dir: string) {
    this.root = path.join(dir, 'layerfs');
    this.socket = path.join(dir, 'l.sock');
    this.logFile = path.join(dir, 'layerfs.log');
  }

  /** Returns once it serves. */
  async launch(): Promise<void> {
    const daemon = spawnDaemon(this);
    this.#daemon = daemon;
    let ended = false;
    void daemon.then(() => (ended = true));
    const before = await madeAt(this.socket);
    await eventually(
      async () => {
        if (ended) throw new Error(`layerfs-snapshotter ended; see ${this.logFile}`);
        const made = await madeAt(this.socket);
        return made !== undefined && made !== before && (await answers(this.socket)) ? true : undefined;
      },
      { timeoutMs: TIMEOUT_MS },
    );
  }

  /** Ends it, if it runs; layers stay. */
  async terminate(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#daemon?.kill(signal);
    await this.#daemon;
    this.#daemon = undefined;
  }

  /** Whether a command line is the daemon's or its worker's. */
  isPart(command: string): boolean {
    return (
      (command.includes(`${SNAPSHOTTER} --store `) && command.includes(this.root)) ||
      command.endsWith(`layerfs-worker ${this.root}/lock`)
    );
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.terminate(signal);
    await this.launch();
  }
}

function spawnDaemon({ root, socket, logFile }: Snapshotter) {
  const output = { file: logFile, append: true } as const;
  // A pool of this host's would be auto's choice, and is none of a test's business.
  const store = existsSync('/sys/module/zfs') ? 'overlay' : 'auto';
  const args = ['--store', store, '--root', root, '--socket', socket, '--log-level', 'debug'];
  return execa(SNAPSHOTTER, args, { stdin: 'ignore', stdout: output, stderr: output, reject: false });
}

/** The file is there a moment before anybody listens. */
const answers = (socket: string): Promise<boolean> =>
  new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('error', () => {
      resolve(false);
    });
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
  });

/** A socket file's inode tells one daemon's from the next one's. */
const madeAt = (socket: string): Promise<number | undefined> =>
  stat(socket).then(
    ({ ino, ctimeMs }) => ino + ctimeMs,
    () => undefined,
  );
