/** The shim daemon's program: started by the launcher, never by hand. */
import { createLogger } from '../common/logger.ts';
import { Daemon } from './daemon/daemon.ts';
import { RunPaths } from './daemon/paths.ts';

/** A `start` that containerd made may take its time until it connects. */
const DEFAULT_LINGER_MS = 30_000;

/** Milliseconds; what is no number is as if it were not set. */
function parseLinger(text = ''): number {
  return /^\d+$/.test(text) ? Number(text) : DEFAULT_LINGER_MS;
}

async function main(): Promise<void> {
  const { LXCRI_LINGER_MS, LXCRI_CGROUP_DIRS, LXCRI_LOG_LEVEL } = process.env;
  const logger = createLogger(LXCRI_LOG_LEVEL ?? 'info');
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'a failure was not handled: a bug in the shim');
  });
  const daemon = await Daemon.start({
    paths: RunPaths.fromEnvironment(process.env),
    lingerMs: parseLinger(LXCRI_LINGER_MS),
    ownCgroups: LXCRI_CGROUP_DIRS ?? '',
    logger,
  });
  // Not once: without a listener the second signal, or execa's own handler, would end it in the middle.
  let stopping: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stopping ??= daemon.stop(signal);
    });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`shim daemon: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
