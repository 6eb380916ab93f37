import { invalidArgument, notFound } from '../../common/errors.ts';
import { quote, type LayerGraph } from './layer-graph.ts';
import type { Layer } from './layer.ts';
import { shortName } from './short-name.ts';

/** More say nothing to whoever reads them. */
const MAX_CANDIDATES = 5;

/**
 * The layer that people mean: by its name, by its name without the rest of a digest, or by any beginning of it that no
 * other layer has.
 * @throws StatusError NotFound; InvalidArgument if several could be meant.
 */
export function findLayer(graph: LayerGraph, text: string): Layer {
  if (text === '') throw invalidArgument('name is empty: `proxmox-lxcri layerfs ls` lists the names');
  if (graph.has(text)) return graph.get(text);
  const layers = graph.layers();
  const short = layers.filter(({ name }) => shortName(name) === text);
  const meant = short.length > 0 ? short : layers.filter(({ name }) => name.startsWith(text));
  const [first, second] = meant;
  if (first === undefined) {
    throw notFound(`layer ${quote(text)} does not exist: \`proxmox-lxcri layerfs ls\` lists those that do`);
  }
  if (second === undefined) return first;
  const names = meant.slice(0, MAX_CANDIDATES).map(({ name }) => quote(name));
  throw invalidArgument(
    `name ${quote(text)} may be ${meant.length} layers: ${names.join(', ')}${meant.length > MAX_CANDIDATES ? ', …' : ''}; write more of it`,
  );
}
