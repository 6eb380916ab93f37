import { Exit } from '../command.ts';
import { confirm } from '../confirm.ts';
import { formatBytes, formatJson, formatTable, formatTime, isoTime, printable } from '../format.ts';
import { UsageError } from '../usage-error.ts';
import { layerJson, present } from './layer-text.ts';
import { flag, text, textOf, type Invocation, type Verb } from './verb.ts';

/** The verbs for containers' file systems. */
export const snapshotVerbs: readonly Verb[] = [
  {
    name: 'snapshot',
    args: '[--delete] NAME [SNAPSHOT]',
    least: 1,
    most: 2,
    summary: "keeps the state of a container's file system, or lists the states kept (zfs store)",
    help: `
  --delete         deletes the snapshot

Examples:
  proxmox-lxcri layerfs snapshot default/7/web before-upgrade
  proxmox-lxcri layerfs snapshot default/7/web
  proxmox-lxcri layerfs snapshot --delete default/7/web before-upgrade`,
    options: { delete: flag },
    run: snapshot,
  },
  {
    name: 'rollback',
    args: '[--yes] NAME SNAPSHOT',
    least: 2,
    most: 2,
    summary: "puts a container's file system back to a snapshot (zfs store)",
    help: `
What was written since is lost, and so are later snapshots. Stop the container first: its processes would find other
files than they have open.

  --yes            asks nothing

Examples:
  proxmox-lxcri layerfs rollback default/7/web before-upgrade`,
    options: { yes: flag },
    run: rollback,
  },
  {
    name: 'clone',
    args: 'NAME NEW-KEY [--from SNAPSHOT]',
    least: 2,
    most: 2,
    summary: "makes another active layer of a container's file system, as it is now or was then (zfs store)",
    help: `
  --from SNAPSHOT  as it was then

Examples:
  proxmox-lxcri layerfs clone default/7/web web-copy
  proxmox-lxcri layerfs clone default/7/web web-copy --from before-upgrade`,
    options: { from: text },
    run: clone,
  },
  {
    name: 'promote',
    args: 'NAME',
    least: 1,
    most: 1,
    summary: 'makes a clone independent of what it was cloned from (zfs store)',
    help: `
Afterwards the other is a clone of this one, and the snapshots up to the clone's are this one's.

Examples:
  proxmox-lxcri layerfs promote web-copy`,
    run: promote,
  },
];

async function snapshot(invocation: Invocation): Promise<number> {
  const { client, positionals, values } = invocation;
  const [name = '', wanted] = positionals;
  const isDelete = values['delete'] === true;
  if (wanted === undefined) {
    if (isDelete)
      throw new UsageError('--delete needs the name of a snapshot: layerfs snapshot --delete NAME SNAPSHOT');
    return listSnapshots(invocation, name);
  }
  await client.call(isDelete ? 'deleteSnapshot' : 'createSnapshot', { name, snapshot: wanted });
  report(invocation, { name, snapshot: wanted, deleted: isDelete }, `${wanted} ${isDelete ? 'deleted' : 'created'}`);
  return Exit.ok;
}

async function listSnapshots({ client, json }: Invocation, name: string): Promise<number> {
  const { snapshots } = await client.call('listSnapshots', { name });
  const rows = snapshots.map((each) => [
    each.name,
    formatTime(each.createdAt),
    formatBytes(each.bytes),
    each.clones.join(' '),
  ]);
  const table = formatTable([['SNAPSHOT', 'CREATED', 'SIZE', 'CLONES'], ...rows], [2]);
  const documents = snapshots.map(({ createdAt, ...each }) => ({ ...each, created: isoTime(createdAt) }));
  process.stdout.write(json ? formatJson(documents) : table);
  return Exit.ok;
}

async function rollback(invocation: Invocation): Promise<number> {
  const { client, positionals, values } = invocation;
  const [wanted = '', snapshotName = ''] = positionals;
  const request = { name: wanted, snapshot: snapshotName };
  const { name, destroyed } = await client.call('rollback', { ...request, dryRun: true });
  const later = destroyed.length === 0 ? '' : `, with the later snapshots ${destroyed.join(', ')}`;
  const question = printable(`Throw away all that was written to ${name} since ${snapshotName}${later}?`);
  if (!(await confirm(question, values['yes'] === true))) return Exit.failed;
  const done = await client.call('rollback', { ...request, dryRun: false });
  report(invocation, { ...done, snapshot: snapshotName }, `${name} is as it was at ${snapshotName}`);
  return Exit.ok;
}

async function clone(invocation: Invocation): Promise<number> {
  const { client, positionals, values } = invocation;
  const [name = '', newKey = ''] = positionals;
  const { layer, mount } = await client.call('clone', { name, newKey, snapshot: textOf(values, 'from') });
  const made = present(layer);
  report(invocation, { ...layerJson(made), mount }, `${made.name} is ${made.place}; to mount it: ${mount}`);
  return Exit.ok;
}

async function promote(invocation: Invocation): Promise<number> {
  const [name = ''] = invocation.positionals;
  const { formerSource } = await invocation.client.call('promote', { name });
  report(invocation, { name, formerSource }, `${name} is independent; ${formerSource} is now its clone`);
  return Exit.ok;
}

const report = ({ json }: Invocation, document: unknown, sentence: string): void => {
  process.stdout.write(json ? formatJson(document) : `${printable(sentence)}\n`);
};
