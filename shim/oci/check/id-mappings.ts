import type { IdMapping } from '../spec.ts';
import { and, list, object, type Check } from './check.ts';
import { integer, uint32 } from './numbers.ts';
import type { Place } from './place.ts';

const MAX_ID_END = 2 ** 32 - 1;

const fields = object<IdMapping>({ containerID: uint32, hostID: uint32, size: integer(1, MAX_ID_END) });

/** The kernel compares with 32-bit sums, so no range may reach 2^32 (kernel/user_namespace.c, map_write). */
const idMapping: Check<IdMapping> = (value, at) => {
  const checked = fields(value, at);
  const end = Math.max(checked.containerID, checked.hostID) + checked.size;
  if (end > MAX_ID_END) throw at.at('size').refusal(checked.size, 'a range that ends below 2^32');
  return checked;
};

/** user_namespaces(7): since Linux 4.15, and EINVAL above it. */
const MAX_LINES = 340;

/** One side's id ranges must not overlap, neither inside nor on the host. Absent: empty. */
export const idMappings: Check<readonly IdMapping[]> = (value, at) => {
  const checked = lines(value, at);
  refuseOverlap(checked, 'containerID', at);
  refuseOverlap(checked, 'hostID', at);
  return checked;
};

const lines = and(list(idMapping), ({ length }) => length <= MAX_LINES, `at most ${MAX_LINES} mappings`);

function refuseOverlap(mappings: readonly IdMapping[], side: 'containerID' | 'hostID', at: Place): void {
  const sorted = mappings.map((mapping, index) => ({ start: mapping[side], size: mapping.size, index }));
  sorted.sort((a, b) => a.start - b.start);
  let end = 0;
  for (const { start, size, index } of sorted) {
    if (start < end) throw at.at(index).at(side).refusal(start, 'a range that overlaps no other');
    end = start + size;
  }
}
