/** The seed of a run's random choices; a failed run is repeated with LXCRI_TEST_SEED. */
export const SEED = Number(process.env['LXCRI_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** Numbers from 0 (inclusive) to 1 (exclusive), always the same ones for a seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
