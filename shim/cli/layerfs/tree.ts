import type { ListedLayer } from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import { formatBytes, formatJson, formatTable } from '../format.ts';
import { layerJson, present, spaceJson } from './layer-text.ts';

interface Node {
  readonly listed: ListedLayer;
  readonly children: Node[];
}

/** Layers below each other; one whose parent was filtered out begins anew at the left. */
export function formatTree(layers: readonly ListedLayer[], json: boolean): string {
  const nodes = new Map(layers.map((listed): [string, Node] => [present(listed.layer).name, { listed, children: [] }]));
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(present(node.listed.layer).parent);
    (parent?.children ?? roots).push(node);
  }
  if (json) return formatJson(roots.map(toJson));
  return formatTable([['LAYER', 'KIND', 'SIZE'], ...rowsOf(roots)]);
}

interface JsonNode {
  readonly [key: string]: unknown;
  readonly children: readonly JsonNode[];
}

const toJson = ({ listed: { layer, space }, children }: Node): JsonNode => ({
  ...layerJson(present(layer)),
  space: spaceJson(space),
  children: children.map(toJson),
});

/** Without recursion: a chain may be deeper than the stack. */
function rowsOf(roots: readonly Node[]): string[][] {
  const rows: string[][] = [];
  const waiting = roots.map((node) => ({ node, before: '', branch: '', below: '' })).reverse();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { node, before, branch, below } = next;
    const { layer, space } = node.listed;
    const { shortName, kind } = present(layer);
    rows.push([`${before}${branch}${shortName}`, kind, space === undefined ? '?' : formatBytes(space.own)]);
    const inner = before + below;
    const children = node.children.map((child, index) => {
      const isLast = index === node.children.length - 1;
      return { node: child, before: inner, branch: isLast ? '└─ ' : '├─ ', below: isLast ? '   ' : '│  ' };
    });
    waiting.push(...children.reverse());
  }
  return rows;
}
