/** The program proxmox-lxcri. */
import { StatusError } from '../../common/errors.ts';
import { hasErrorCode } from '../../common/files.ts';
import { Exit, type Command } from './command.ts';
import { layerFsCommand } from './layerfs/layerfs-command.ts';
import { UsageError } from './usage-error.ts';

declare const LXCRI_VERSION: string;

const COMMANDS: readonly Command[] = [layerFsCommand];

const HELP = `proxmox-lxcri - OCI images as LXC containers, their layers as ZFS datasets

Usage: proxmox-lxcri COMMAND [ARGUMENT…]

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join('\n')}

  --version   prints the version
  --help      prints this, and after a command what that does

Examples:
  proxmox-lxcri layerfs ls
  proxmox-lxcri layerfs --help
`;

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h' || name === 'help') return print(HELP);
  if (name === '--version') return print(`proxmox-lxcri ${LXCRI_VERSION}\n`);
  if (name === undefined) throw new UsageError(`a command is missing: ${COMMANDS.map((each) => each.name).join(', ')}`);
  const command = COMMANDS.find((each) => each.name === name);
  if (command === undefined)
    throw new UsageError(`there is no command ${JSON.stringify(name)}; see proxmox-lxcri --help`);
  return command.run(rest);
}

function print(text: string): number {
  process.stdout.write(text);
  return Exit.ok;
}

function fail(error: unknown): number {
  // Nobody reads any more, as with `… | head`.
  if (hasErrorCode(error, 'EPIPE')) return Exit.brokenPipe;
  const isExpected = error instanceof StatusError || error instanceof UsageError;
  const text = error instanceof Error ? (isExpected ? error.message : error.stack) : String(error);
  process.stderr.write(`proxmox-lxcri: ${text ?? ''}\n`);
  return error instanceof UsageError ? Exit.usage : Exit.failed;
}

process.stdout.on('error', (error) => {
  process.exit(fail(error));
});
process.stderr.on('error', () => undefined);
// Until it is known better: a process that ends for want of anything to wait for has not done what it was asked.
process.exitCode = Exit.failed;
const alive = setInterval(() => undefined, 60_000);
main(process.argv.slice(2))
  .catch(fail)
  .then((code) => {
    process.exitCode = code;
  })
  .catch(fail)
  .finally(() => {
    clearInterval(alive);
  });
