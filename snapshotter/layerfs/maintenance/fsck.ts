import { Code, StatusError, messageOf } from '../../../common/errors.ts';
import type { Problem } from '../../stores/store.ts';
import type { LayerFs } from '../layerfs.ts';
import { findProblems } from './problems.ts';

export interface FsckOptions {
  readonly repair: boolean;
  /** Ids or places of what may be data, and is to be destroyed all the same. */
  readonly destroy: readonly string[];
  readonly signal: AbortSignal;
}

export interface Finding {
  readonly problem: Problem;
  readonly repaired: boolean;
  /** Why the repair failed; '' if it did not, or none was tried. */
  readonly error: string;
}

/** Finds what is wrong, and mends what can be mended. @throws StatusError NotFound if nothing in `destroy` is wrong. */
export async function* fsck(layerFs: LayerFs, options: FsckOptions): AsyncGenerator<Finding> {
  const problems = (await findProblems(layerFs)).sort(byAge);
  const { repair, destroy, signal } = options;
  const stray = destroy.find((asked) => !problems.some((problem) => isAsked(problem, [asked])));
  if (stray !== undefined) {
    throw new StatusError(
      Code.NotFound,
      `destroy ${JSON.stringify(stray)}: nothing that could be destroyed has this id or place; run fsck without it first`,
    );
  }
  for (const problem of problems) {
    if (signal.aborted) return;
    yield repair ? await mend(problem, destroy) : { problem, repaired: false, error: '' };
  }
}

/** The youngest first: what stands on another goes before it. */
const byAge = (a: Problem, b: Problem) => b.id.length - a.id.length || (a.id < b.id ? 1 : -1);

const isAsked = ({ id, place, repair }: Problem, asked: readonly string[]) =>
  typeof repair !== 'string' && repair.destroys === true && (asked.includes(id) || asked.includes(place));

async function mend(problem: Problem, destroy: readonly string[]): Promise<Finding> {
  const { repair } = problem;
  const mayBeDone = typeof repair !== 'string' && (repair.destroys !== true || isAsked(problem, destroy));
  if (!mayBeDone) return { problem, repaired: false, error: '' };
  try {
    await repair.apply();
    return { problem, repaired: true, error: '' };
  } catch (error) {
    return { problem, repaired: false, error: messageOf(error) };
  }
}
