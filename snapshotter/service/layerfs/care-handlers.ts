import type {
  CheckResponse,
  CollectResponse,
  LayerFsDefinition,
  Problem as WireProblem,
} from '../../../proto/gen/proxmox/lxcri/layerfs/v1/layerfs.ts';
import type { LayerFs } from '../../layerfs/layerfs.ts';
import { collectGarbage } from '../../layerfs/maintenance/collect-garbage.ts';
import { fsck, type Finding } from '../../layerfs/maintenance/fsck.ts';
import type { Handlers } from '../grpc-handlers.ts';
import { progress } from './to-wire.ts';

type Cares = Pick<Handlers<typeof LayerFsDefinition>, 'check' | 'collect'>;

/** The verbs that keep a store in order. */
export function careHandlers(layerFs: LayerFs): Cares {
  return {
    check: ({ repair, destroy }, signal) => check(layerFs, { repair, destroy, signal }),
    collect: () => collect(layerFs),
  };
}

async function* check(layerFs: LayerFs, options: Parameters<typeof fsck>[1]): AsyncGenerator<CheckResponse> {
  yield progress(`looking at ${layerFs.store.location}`);
  let problems = 0n;
  let repaired = 0n;
  for await (const finding of fsck(layerFs, options)) {
    problems++;
    if (finding.repaired) repaired++;
    yield { message: { $case: 'problem', problem: toWire(finding) } };
  }
  yield { message: { $case: 'summary', summary: { layers: BigInt(layerFs.graph.size), problems, repaired } } };
}

function toWire({ problem, repaired, error }: Finding): WireProblem {
  const { kind, id, place, reason, repair } = problem;
  const repairable = typeof repair !== 'string';
  return {
    kind,
    id,
    place,
    reason,
    repair: repairable ? repair.does : repair,
    destroys: repairable && repair.destroys === true,
    repairable,
    repaired,
    error,
  };
}

async function* collect(layerFs: LayerFs): AsyncGenerator<CollectResponse> {
  yield progress('destroying what nobody uses');
  const { freed, freedBytes, busy } = await collectGarbage(layerFs);
  yield { message: { $case: 'summary', summary: { freed: [...freed], freedBytes, busy: [...busy] } } };
}
