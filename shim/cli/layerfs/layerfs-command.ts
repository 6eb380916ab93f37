import { parseArgs } from 'node:util';
import { messageOf } from '../../../common/errors.ts';
import { Exit, type Command } from '../command.ts';
import { UsageError } from '../usage-error.ts';
import { careVerbs } from './care-verbs.ts';
import { LayerFsClient } from './client.ts';
import { copyVerbs } from './copy-verbs.ts';
import { showVerbs } from './show-verbs.ts';
import { snapshotVerbs } from './snapshot-verbs.ts';
import { flag, text, type Values, type Verb } from './verb.ts';

const VERBS: readonly Verb[] = [...showVerbs, ...careVerbs, ...copyVerbs, ...snapshotVerbs];

const DEFAULT_SOCKET = '/run/layerfs/layerfs.sock';

const COMMON_HELP = `  --json           prints JSON, for programs
  --socket PATH    where the daemon listens   (default: LAYERFS_SOCKET, or ${DEFAULT_SOCKET})
  --help

Exit codes: 0 all is well, 1 it failed or found problems, 2 wrong usage.
`;

const WIDTH = Math.max(...VERBS.map(({ name, args }) => `${name} ${args}`.length));

const HELP = `proxmox-lxcri layerfs - looks at image layers and containers' file systems, and takes care of them

Usage: proxmox-lxcri layerfs VERB [ARGUMENT…]

Verbs:
${VERBS.map(({ name, args, summary }) => `  ${`${name} ${args}`.padEnd(WIDTH)}  ${summary}`).join('\n')}

A NAME may be written as \`ls\` shortens it, as containerd names it (a container's id), or as any beginning that only one
layer has.

Options of every verb:
${COMMON_HELP}
Examples:
  proxmox-lxcri layerfs tree
  proxmox-lxcri layerfs stats
  proxmox-lxcri layerfs fsck && proxmox-lxcri layerfs gc
  proxmox-lxcri layerfs VERB --help
`;

export const layerFsCommand: Command = {
  name: 'layerfs',
  summary: "looks at image layers and containers' file systems, and takes care of them",
  run: async ([name, ...args]) => {
    if (name === '--help' || name === '-h' || name === 'help') return print(HELP);
    if (name === undefined) throw new UsageError('a verb is missing; see proxmox-lxcri layerfs --help');
    const verb = VERBS.find((each) => each.name === name);
    if (verb === undefined) {
      throw new UsageError(`layerfs has no verb ${JSON.stringify(name)}; see proxmox-lxcri layerfs --help`);
    }
    return runVerb(verb, args);
  },
};

function print(help: string): number {
  process.stdout.write(help);
  return Exit.ok;
}

async function runVerb(verb: Verb, args: readonly string[]): Promise<number> {
  const { positionals, values } = parse(verb, args);
  if (values['help'] === true) return print(verbHelp(verb));
  if (positionals.length < verb.least || positionals.length > verb.most) {
    throw new UsageError(`usage: ${usageOf(verb)}; see --help`);
  }
  const socket = values['socket'] ?? process.env['LAYERFS_SOCKET'] ?? DEFAULT_SOCKET;
  if (typeof socket !== 'string' || socket === '')
    throw new UsageError('--socket is empty: write the path of a socket');
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      abort.abort();
    });
  }
  const client = await LayerFsClient.connect(socket, abort.signal);
  try {
    return await verb.run({ positionals, values, json: values['json'] === true, client, signal: abort.signal });
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    process.stderr.write('proxmox-lxcri: interrupted\n');
    return Exit.interrupted;
  } finally {
    client.close();
  }
}

function parse(verb: Verb, args: readonly string[]): { positionals: string[]; values: Values } {
  const options = { ...verb.options, json: flag, socket: text, help: { ...flag, short: 'h' } };
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (cause) {
    const message = messageOf(cause);
    throw new UsageError(`${message}; see proxmox-lxcri layerfs ${verb.name} --help`, { cause });
  }
}

const usageOf = ({ name, args }: Verb) => `proxmox-lxcri layerfs ${name} ${args}`.trimEnd();

const verbHelp = (verb: Verb) => `proxmox-lxcri layerfs ${verb.name} - ${verb.summary}

Usage: ${usageOf(verb)}

${verb.help.trim()}

Options of every verb:
${COMMON_HELP}`;
