import type { LayerStats, ListedLayer, StatusResponse } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { Exit } from '../command.ts';
import { formatBytes, formatJson, formatRatio, formatTable, formatTime, printable } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { layerJson, present, spaceJson } from './layer-text.ts';
import { formatTree } from './tree.ts';
import { texts, textsOf, type Invocation, type Verb } from './verb.ts';

const FILTER_HELP = `  --filter FILTER  only layers that match, in containerd's language: kind==active, parent=="", name~=sha256,
                   'labels."containerd.io/snapshot.ref"~=abc'; joined by commas where all must match, repeated where
                   one is enough`;

/** The verbs that only look. */
export const showVerbs: readonly Verb[] = [
  {
    name: 'ls',
    args: '[--filter FILTER]…',
    least: 0,
    most: 0,
    summary: 'lists layers, with the space that each takes by itself',
    help: `
${FILTER_HELP}

Examples:
  proxmox-lxcri layerfs ls
  proxmox-lxcri layerfs ls --filter kind==active
  proxmox-lxcri layerfs ls --json | jq -r '.[].name'`,
    options: { filter: texts },
    run: list,
  },
  {
    name: 'tree',
    args: '[--filter FILTER]…',
    least: 0,
    most: 0,
    summary: 'shows which layer stands on which',
    help: `
${FILTER_HELP}

Examples:
  proxmox-lxcri layerfs tree`,
    options: { filter: texts },
    run: tree,
  },
  {
    name: 'stat',
    args: 'NAME',
    least: 1,
    most: 1,
    summary: 'tells everything of one layer',
    help: `
Examples:
  proxmox-lxcri layerfs stat default/7/web
  proxmox-lxcri layerfs stat --json default/7/web | jq .place`,
    run: stat,
  },
  {
    name: 'stats',
    args: '[NAME…]',
    least: 0,
    most: 1000,
    summary: 'counts bytes and files, of each layer and in all, and tells on which store it runs',
    help: `
OWN is what the layer's removal would free, SHARED what it shows of the layers below, LOGICAL all that it shows before
compression, RATIO by how much that is compressed, INODES the files that it added.

Examples:
  proxmox-lxcri layerfs stats
  proxmox-lxcri layerfs stats default/7/web`,
    run: stats,
  },
];

async function fetchList({ client, values }: Invocation): Promise<ListedLayer[]> {
  const layers: ListedLayer[] = [];
  const request = { filters: textsOf(values, 'filter'), withoutSpace: false };
  for await (const message of client.stream('list', request)) layers.push(...message.layers);
  return layers;
}

async function list(invocation: Invocation): Promise<number> {
  const layers = await fetchList(invocation);
  if (invocation.json) {
    const rows = layers.map(({ layer, space }) => ({ ...layerJson(present(layer)), space: spaceJson(space) }));
    process.stdout.write(formatJson(rows));
    return Exit.ok;
  }
  const rows = layers.map(({ layer, space }) => {
    const { shortName, kind, shortParent, createdAt } = present(layer);
    const size = space === undefined ? '?' : formatBytes(space.own);
    return [shortName, kind, shortParent, formatTime(createdAt), size];
  });
  process.stdout.write(formatTable([['NAME', 'KIND', 'PARENT', 'CREATED', 'SIZE'], ...rows], [4]));
  return Exit.ok;
}

async function tree(invocation: Invocation): Promise<number> {
  const layers = await fetchList(invocation);
  process.stdout.write(formatTree(layers, invocation.json));
  return Exit.ok;
}

async function stat({ client, positionals: [name = ''], json }: Invocation): Promise<number> {
  const { layer, ancestors, children, space, mount } = await client.call('stat', { name });
  const found = present(layer);
  if (json) {
    process.stdout.write(formatJson({ ...layerJson(found), space: spaceJson(space), ancestors, children, mount }));
    return Exit.ok;
  }
  const lines: [string, string][] = [
    ['name', found.name],
    ['kind', found.kind],
    ['place', found.place],
    ['created', formatTime(found.createdAt)],
    ['updated', formatTime(found.updatedAt)],
    ...ancestors.map((each): [string, string] => ['stands on', each]),
    ...children.map((each): [string, string] => ['below', each]),
    ...Object.entries(found.labels).map(([key, value]): [string, string] => ['label', `${key}=${value}`]),
    ...(space === undefined
      ? []
      : ([
          ['own', formatBytes(space.own)],
          ['shared', formatBytes(space.shared)],
          ['logical', formatBytes(space.logical)],
          ['compressed', formatRatio(space.ratio)],
        ] satisfies [string, string][])),
    ...(mount === '' ? [] : ([['mount', mount]] satisfies [string, string][])),
  ];
  process.stdout.write(formatTable(lines));
  return Exit.ok;
}

async function stats({ client, positionals, json }: Invocation): Promise<number> {
  const progress = new ProgressLine();
  const layers: LayerStats[] = [];
  for await (const { message } of client.stream('stats', { names: [...positionals] })) {
    if (message?.$case === 'progress')
      progress.count(message.progress.step, message.progress.done, message.progress.total);
    if (message?.$case === 'layer') layers.push(message.layer);
  }
  progress.clear();
  const status = await client.call('status', {});
  process.stdout.write(json ? statsJson(layers, status) : `${statsTable(layers)}\n${statusText(status)}`);
  return layers.some(({ error }) => error !== '') ? Exit.failed : Exit.ok;
}

const statsJson = (layers: readonly LayerStats[], { space, removed, orphans, ...status }: StatusResponse) =>
  formatJson({
    ...status,
    space: spaceJson(space),
    removed,
    orphans,
    layers: layers.map(({ layer, space: own, inodes, error }) => ({
      ...layerJson(present(layer)),
      space: spaceJson(own),
      inodes,
      ...(error !== '' && { error }),
    })),
  });

function statsTable(layers: readonly LayerStats[]): string {
  const rows = layers.map(({ layer, space, inodes, error }) => {
    const name = present(layer).shortName;
    if (space === undefined || error !== '') return ['?', '?', '?', '?', '?', `${name}: ${error || 'it is gone'}`];
    const { own, shared, logical, ratio } = space;
    return [formatBytes(own), formatBytes(shared), formatBytes(logical), formatRatio(ratio), String(inodes), name];
  });
  return formatTable([['OWN', 'SHARED', 'LOGICAL', 'RATIO', 'INODES', 'NAME'], ...rows], [0, 1, 2, 3, 4]);
}

function statusText({
  store,
  location,
  why,
  committed,
  active,
  views,
  removed,
  orphans,
  ...rest
}: StatusResponse): string {
  const { space, available } = rest;
  const used = space === undefined ? [] : [`used ${formatBytes(space.own)}`, `logical ${formatBytes(space.logical)}`];
  const ratio = space === undefined ? [] : [`compressed ${formatRatio(space.ratio)}`];
  const waiting = [
    ...removed.map((each) => ['removed', each] as const),
    ...orphans.map((each) => ['orphan', each] as const),
  ];
  return [
    `${store} store in ${location}: ${why}`,
    `${committed} committed, ${active} active, ${views} views; ${removed.length} removed and not destroyed yet, ${orphans.length} orphans`,
    [...used, ...ratio, `${formatBytes(available)} available`].join(', '),
    ...waiting.map(([kind, { name, place, reason }]) => `${kind}: ${name || place}: ${reason || 'it is about to go'}`),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}
