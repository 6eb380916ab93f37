import type { Inspection, Orphan, Problem, Repair } from '../../stores/store.ts';
import { described } from '../layer-graph.ts';
import type { Layer } from '../layer.ts';
import type { LayerFs } from '../layerfs.ts';
import { restoreGraph } from '../restore-graph.ts';

/** What was looked at at the same time, or nearly so. */
interface View {
  readonly inspection: Inspection;
  /** Layers that did not change while the store was looked at, by their id. */
  readonly settled: ReadonlyMap<string, Layer>;
  /** Ids of layers that came, went or changed meanwhile: nothing can be said of them. */
  readonly unsettled: ReadonlySet<string>;
}

/**
 * How the store differs from what the daemon knows. What calls under way change shows for a moment as a difference: so
 * only that counts which is there at a second look.
 */
export async function findProblems(layerFs: LayerFs): Promise<Problem[]> {
  const first = compare(layerFs, await look(layerFs));
  if (first.length === 0) return first;
  const seen = new Set(first.map(identify));
  return compare(layerFs, await look(layerFs)).filter((problem) => seen.has(identify(problem)));
}

const identify = ({ kind, id, place }: Problem) => `${kind} ${id} ${place}`;

async function look({ graph, store, underWay }: LayerFs): Promise<View> {
  const before = new Map(graph.layers().map((layer) => [layer.id, layer]));
  const unsettled = new Set(underWay);
  const inspection = await store.inspect([...before.values()]);
  for (const id of underWay) unsettled.add(id);
  const after = new Map(graph.layers().map((layer) => [layer.id, layer]));
  for (const id of [...before.keys(), ...after.keys()]) if (before.get(id) !== after.get(id)) unsettled.add(id);
  const settled = new Map([...after].filter(([id]) => !unsettled.has(id)));
  return { inspection, settled, unsettled };
}

function compare(layerFs: LayerFs, view: View): Problem[] {
  const { inspection, unsettled } = view;
  const waiting = new Set(layerFs.sweeper.waiting.map(({ layer }) => layer.id));
  const problems = [
    ...inspection.problems,
    ...removed(layerFs),
    ...missing(layerFs, view),
    ...different(layerFs, view),
    ...unknown(layerFs, view, waiting),
    ...lostRecords(layerFs, view),
    ...orphans(layerFs, view).filter(({ id }) => !waiting.has(id)),
  ];
  return problems.filter(({ id }) => !unsettled.has(id));
}

function removed({ sweeper, store }: LayerFs): Problem[] {
  return sweeper.waiting.map(({ layer, reason }) => ({
    kind: 'removed',
    id: layer.id,
    place: store.place(layer),
    reason: `${layer.name} was removed, and is not destroyed yet${reason === undefined ? '' : `: ${reason}`}`,
    repair: {
      does: 'destroy it, if nobody uses it any more',
      apply: async () => {
        const left = await sweeper.sweep();
        const still = left.find(({ id }) => id === layer.id);
        if (still !== undefined) throw new Error(still.reason);
      },
    },
  }));
}

/** Layers of which the store has nothing any more. */
function missing(layerFs: LayerFs, { inspection, settled }: View): Problem[] {
  const { graph, store } = layerFs;
  const present = new Set([
    ...inspection.layers.map(({ id }) => id),
    ...inspection.damaged.map(({ id }) => id),
    ...inspection.orphans.map(({ id }) => id),
    ...inspection.problems.map(({ id }) => id),
  ]);
  const gone = [...settled.values()].filter(({ id }) => !present.has(id));
  return gone.map((layer) => ({
    kind: 'missing',
    id: layer.id,
    place: store.place(layer),
    reason: `${layer.name} is gone: it was destroyed by other means than containerd`,
    repair:
      graph.children(layer).length > 0
        ? 'remove the images and containers that stand on it, and check again'
        : {
            does: 'forget it; containerd then unpacks its image again',
            apply: whenAlone(layerFs, layer, () => {
              if (graph.getById(layer.id) !== layer) throw new Error('it changed meanwhile: check again');
              graph.remove(layer.name);
            }),
          },
  }));
}

/** Layers of which the store tells something else than the daemon told containerd. */
function different(layerFs: LayerFs, { inspection, settled }: View): Problem[] {
  const reported = new Set(inspection.problems.map(({ id }) => id));
  return inspection.layers.flatMap((found) => {
    const layer = settled.get(found.id);
    if (layer === undefined || reported.has(found.id) || describe(found) === describe(layer)) return [];
    return {
      kind: 'record',
      id: layer.id,
      place: layerFs.store.place(layer),
      reason: `its record differs from what containerd was told of ${layer.name}: ${difference(found, layer)}`,
      repair: writeRecord(layerFs, layer),
    };
  });
}

/** Changes the graph while no other call for a layer of that name is under way. */
const whenAlone =
  ({ queues }: LayerFs, { name }: Layer, change: () => void) =>
  () =>
    queues.run(name, () => Promise.resolve().then(change));

const writeRecord = ({ queues, store, graph }: LayerFs, { name }: Layer): Repair => ({
  does: 'write the record again',
  apply: () => queues.run(name, () => store.update(graph.get(name))),
});

const describe = ({ kind, name, parent, labels, createdAt, updatedAt }: Layer) =>
  JSON.stringify([
    kind,
    name,
    parent ?? '',
    Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
    String(createdAt),
    String(updatedAt),
  ]);

function difference(found: Layer, layer: Layer): string {
  if (found.kind !== layer.kind) return `it says that it is ${described(found.kind)}`;
  if (found.name !== layer.name) return `it says that it is called ${found.name}`;
  if (found.parent !== layer.parent) return 'it has another parent';
  return 'labels or times';
}

/** Records in the store that the daemon does not know. */
function unknown(layerFs: LayerFs, { inspection, unsettled }: View, waiting: ReadonlySet<string>): Problem[] {
  const { graph, store } = layerFs;
  const broken = new Map(restoreGraph(inspection).broken.map(({ layer, reason }) => [layer.id, reason]));
  const strangers = inspection.layers.filter(
    ({ id }) => !unsettled.has(id) && !waiting.has(id) && graph.getById(id) === undefined,
  );
  return strangers.map((layer) => {
    const { id } = layer;
    const place = store.place(layer);
    const why = broken.get(id);
    if (why !== undefined) {
      const reason = `${layer.name} cannot be used: ${why}`;
      return { kind: 'broken', id, place, reason, repair: destroyLayer(layerFs, layer) };
    }
    const reason = `${layer.name} is in the store, and not known to the daemon`;
    if (graph.has(layer.name)) {
      return {
        kind: 'duplicate',
        id,
        place,
        reason: `${reason}: another has its name`,
        repair: destroyLayer(layerFs, layer),
      };
    }
    const parentIsThere = layer.parent === undefined || graph.getById(layer.parent)?.kind === 'committed';
    const repair = parentIsThere
      ? {
          does: 'take it in',
          apply: whenAlone(layerFs, layer, () => {
            // Whoever makes a layer of this name has it reserved.
            graph.reserve(layer.name, undefined).drop();
            graph.add(layer);
          }),
        }
      : destroyLayer(layerFs, layer);
    return { kind: 'unknown', id, place, reason, repair };
  });
}

const destroyLayer = ({ store }: LayerFs, layer: Layer): Repair => ({
  does: 'destroy it',
  destroys: true,
  apply: async () => {
    const [left] = await store.destroy([layer]);
    if (left !== undefined) throw new Error(left.reason);
  },
});

/** What looks like no layer, or a damaged one, and is one that the daemon knows. */
function lostRecords(layerFs: LayerFs, { inspection, settled }: View): Problem[] {
  return [...inspection.orphans, ...inspection.damaged].flatMap(({ id, place, reason }) => {
    const layer = settled.get(id);
    if (layer === undefined || inspection.problems.some((problem) => problem.id === id)) return [];
    return {
      kind: 'record',
      id,
      place,
      reason: `${layer.name} is damaged: ${reason}`,
      repair: writeRecord(layerFs, layer),
    };
  });
}

function orphans({ store }: LayerFs, { inspection, settled }: View): Problem[] {
  const destroy = (orphan: Orphan) => async () => {
    const [left] = await store.destroyOrphans([orphan]);
    if (left !== undefined) throw new Error(left.reason);
  };
  const isStranger = ({ id }: Orphan) => !settled.has(id);
  const orphaned = inspection.orphans.filter(isStranger).map(({ id, place, reason }) => {
    const repair = { does: 'destroy it', apply: destroy({ id, place, reason }) };
    return { kind: 'orphan', id, place, reason, repair };
  });
  const damaged = inspection.damaged.filter(isStranger).map(({ id, place, reason, advice }) => {
    const repair = advice ?? { does: 'destroy it', destroys: true, apply: destroy({ id, place, reason }) };
    return { kind: 'damaged', id, place, reason, repair };
  });
  return [...orphaned, ...damaged];
}
