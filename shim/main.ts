/** The shim daemon's program: started by the keeper, never by hand. */
import { Socket } from 'node:net';
import { createLogger } from '../common/logger.ts';
import { Daemon } from './daemon/daemon.ts';
import { readKeeperIdentity } from './daemon/keeper-identity.ts';
import { KeeperLink } from './daemon/keeper-link.ts';
import { RunPaths } from './daemon/paths.ts';

/** This end of the keeper's control socket. */
const CONTROL_FD = 4;

const DEFAULT_SLEEP_MS = 60_000;

/** A `start` that containerd made may take its time until it connects. */
const DEFAULT_LINGER_MS = 30_000;

/** Milliseconds; what is no number is as if it were not set. */
function parseMilliseconds(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : otherwise;
}

async function main(): Promise<void> {
  const { LXCRI_SLEEP_MS, LXCRI_LINGER_MS, LXCRI_LOG_LEVEL } = process.env;
  const keeper = readKeeperIdentity(process.env);
  const paths = RunPaths.fromEnvironment(process.env);
  const logger = createLogger(LXCRI_LOG_LEVEL ?? 'info');
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'a failure was not handled: a bug in the shim');
  });

  let daemon: Daemon | undefined = undefined;
  let stopping: Promise<void> | undefined;
  const stop = (why: string) => {
    // One that does not serve yet has nothing to finish.
    if (daemon === undefined) process.exit(0);
    stopping ??= daemon.stop(why);
  };
  // Not once: without a listener the second signal, or execa's own handler, would end it in the middle.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal);
    });
  }
  const link = new KeeperLink(new Socket({ fd: CONTROL_FD }), {
    announced: () => daemon?.announced(),
    handover: () => {
      stop('handover');
    },
    gone: () => process.exit(1),
  });
  await link.begin();
  daemon = await Daemon.start({
    paths,
    keeper,
    link,
    times: {
      sleepMs: parseMilliseconds(LXCRI_SLEEP_MS, DEFAULT_SLEEP_MS),
      lingerMs: parseMilliseconds(LXCRI_LINGER_MS, DEFAULT_LINGER_MS),
    },
    logger,
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`shim daemon: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
