import type {
  CheckSummary,
  Problem,
  VerifiedLayer,
  Waiting,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { Exit } from '../command.ts';
import { confirm } from '../confirm.ts';
import { formatBytes, formatJson, printable } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { layerJson, present } from './layer-text.ts';
import { flag, texts, textsOf, type Invocation, type Verb } from './verb.ts';

/** The verbs that keep a store in order. */
export const careVerbs: readonly Verb[] = [
  {
    name: 'fsck',
    args: '[--repair [--yes] [--destroy ID]…]',
    least: 0,
    most: 0,
    summary: 'compares what the store holds with what the daemon knows',
    help: `
The daemon goes on meanwhile. Exit code 1: there are problems left.

  --repair         mends what can be mended without losing anything, after a confirmation
  --destroy ID     with --repair: destroys that too, though it may hold data; ID as fsck shows it
  --yes            asks nothing

Examples:
  proxmox-lxcri layerfs fsck
  proxmox-lxcri layerfs fsck --repair
  proxmox-lxcri layerfs fsck --repair --destroy 17`,
    options: { repair: flag, destroy: texts, yes: flag },
    run: fsck,
  },
  {
    name: 'gc',
    args: '',
    least: 0,
    most: 0,
    summary: 'destroys now what was removed, and what interrupted changes left',
    help: `
Nothing that is in use, and nothing that could be data. The daemon does the same by itself, after a while.

Examples:
  proxmox-lxcri layerfs gc`,
    run: gc,
  },
  {
    name: 'verify',
    args: '[NAME]',
    least: 0,
    most: 1,
    summary: 'reads every block of a layer and those below it, or of all',
    help: `
On the zfs store each block is checked against its checksum; one that is in memory is not read from its disk again:
\`zpool scrub\` does that. Exit code 1: something cannot be read.

Examples:
  proxmox-lxcri layerfs verify
  proxmox-lxcri layerfs verify default/7/web`,
    run: verify,
  },
];

interface Checked {
  readonly problems: readonly Problem[];
  readonly summary: CheckSummary;
}

async function fsck(invocation: Invocation): Promise<number> {
  const { values, json } = invocation;
  const repair = values['repair'] === true;
  const destroy = textsOf(values, 'destroy');
  const found = await check(invocation, false, destroy);
  const mendable = found.problems.filter(({ repairable, destroys, id, place }) =>
    destroys ? destroy.includes(id) || destroy.includes(place) : repairable,
  );
  if (!repair || mendable.length === 0) {
    process.stdout.write(json ? problemsJson(found) : problemsText(found));
    return found.problems.length === 0 ? Exit.ok : Exit.failed;
  }
  const plan = mendable.map(({ place, repair: does }) => `  ${place}: ${does}\n`);
  if (!json) process.stderr.write(printLines(plan));
  const count = mendable.length === 1 ? 'this problem' : `these ${mendable.length} problems`;
  if (!(await confirm(`Repair ${count}?`, values['yes'] === true))) return Exit.failed;
  const after = await check(invocation, true, destroy);
  process.stdout.write(json ? problemsJson(after) : problemsText(after));
  return after.summary.problems === after.summary.repaired ? Exit.ok : Exit.failed;
}

async function check({ client }: Invocation, repair: boolean, destroy: readonly string[]): Promise<Checked> {
  const progress = new ProgressLine();
  const problems: Problem[] = [];
  let summary: CheckSummary | undefined;
  for await (const { message } of client.stream('check', { repair, destroy: [...destroy] })) {
    if (message?.$case === 'progress') progress.count(message.progress.step, 0n, 0n);
    if (message?.$case === 'problem') problems.push(message.problem);
    if (message?.$case === 'summary') ({ summary } = message);
  }
  progress.clear();
  return { problems, summary: present(summary) };
}

const problemsJson = ({ problems, summary }: Checked) => formatJson({ ...summary, problems });

function problemsText({ problems, summary }: Checked): string {
  const { layers, repaired } = summary;
  const left = problems.length - Number(repaired);
  const mended = repaired > 0n ? `, ${repaired} repaired` : '';
  const lines = problems.map(problemText);
  return printLines([...lines, `${layers} layers, ${left} ${left === 1 ? 'problem' : 'problems'}${mended}\n`]);
}

function problemText({ kind, id, place, reason, repair, repairable, repaired, destroys, error }: Problem): string {
  const how = !repairable
    ? `what to do: ${repair}`
    : destroys
      ? `repair: ${repair}, with all that is in it, if you ask for it: fsck --repair --destroy ${id}`
      : `repair: ${repair}`;
  const outcome = repaired ? 'repaired' : error === '' ? how : `repair failed: ${error}`;
  return `${kind} ${place}\n  ${reason}\n  ${outcome}\n`;
}

const printLines = (lines: readonly string[]) =>
  lines.map((line) => line.split('\n').map(printable).join('\n')).join('');

async function gc({ client, json }: Invocation): Promise<number> {
  const progress = new ProgressLine();
  for await (const { message } of client.stream('collect', {})) {
    if (message?.$case === 'progress') progress.count(message.progress.step, 0n, 0n);
    if (message?.$case !== 'summary') continue;
    progress.clear();
    const { freed, freedBytes, busy } = message.summary;
    const lines = [
      ...freed.map((each) => `destroyed ${nameOf(each)}\n`),
      ...busy.map((each) => `busy      ${nameOf(each)}: ${each.reason}\n`),
      `${freed.length} destroyed, ${formatBytes(freedBytes)} freed, ${busy.length} busy\n`,
    ];
    process.stdout.write(json ? formatJson(message.summary) : printLines(lines));
  }
  return Exit.ok;
}

const nameOf = ({ name, place }: Waiting) => (name === '' ? place : `${place} (${name})`);

async function verify({ client, positionals: [name = ''], json }: Invocation): Promise<number> {
  const progress = new ProgressLine();
  const layers: VerifiedLayer[] = [];
  for await (const { message } of client.stream('verify', { name })) {
    if (message?.$case === 'progress')
      progress.bytes(message.progress.step, message.progress.done, message.progress.total);
    if (message?.$case !== 'layer') continue;
    layers.push(message.layer);
    if (json || message.layer.error === '') continue;
    progress.clear();
    process.stdout.write(printLines([`damaged ${present(message.layer.layer).name}\n  ${message.layer.error}\n`]));
  }
  progress.clear();
  const damaged = layers.filter(({ error }) => error !== '').length;
  const bytes = layers.reduce((sum, layer) => sum + layer.bytes, 0n);
  const summary = `${layers.length} layers, ${formatBytes(bytes)} read, ${damaged} damaged\n`;
  const rows = layers.map(({ layer, bytes: read, error }) => ({ ...layerJson(present(layer)), bytes: read, error }));
  process.stdout.write(json ? formatJson({ damaged, bytes, layers: rows }) : summary);
  return damaged === 0 ? Exit.ok : Exit.failed;
}
