/** The program layerfs-snapshotter. */
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { StatusError } from '../common/errors.ts';
import { createLogger } from '../common/logger.ts';
import { HELP, parseCommandLine, type Settings } from './daemon/command-line.ts';
import { Daemon } from './daemon/daemon.ts';

declare const LXCRI_VERSION: string;

/** The worker is installed beside this program. */
function workerProgram(): string {
  const { LAYERFS_WORKER } = process.env;
  return LAYERFS_WORKER ?? path.join(path.dirname(realpathSync(process.argv[1] ?? '.')), 'layerfs-worker');
}

async function serve(settings: Settings): Promise<void> {
  const logger = createLogger(settings.logLevel);
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'a failure was not handled: a bug in the snapshotter');
  });
  const daemon = await Daemon.start({ settings, worker: workerProgram(), version: LXCRI_VERSION, logger });
  // Not once: without a listener the second signal, or execa's own handler, would end it in the middle.
  let stopping: Promise<void> | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stopping ??= daemon.stop(signal).finally(() => process.exit(0));
    });
  }
}

async function main(): Promise<void> {
  const command = parseCommandLine(process.argv.slice(2));
  if (command.run === 'help') process.stdout.write(HELP);
  else if (command.run === 'version') process.stdout.write(`layerfs-snapshotter ${LXCRI_VERSION}\n`);
  else await serve(command.settings);
}

main().catch((error: unknown) => {
  const text = error instanceof StatusError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`layerfs-snapshotter: ${text ?? ''}\n`);
  process.exit(1);
});
