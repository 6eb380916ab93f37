/** Like `Promise.all(items.map(task))`, with at most `limit` tasks under way; after a failed one no more are begun. */
export async function mapBounded<T, R>(
  items: readonly T[],
  limit: number,
  task: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = items.entries();
  let failed = false;
  const work = async () => {
    for (const [index, item] of entries) {
      try {
        results[index] = await task(item);
      } catch (error) {
        failed = true;
        throw error;
      }
      if (failed) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work));
  return results;
}
