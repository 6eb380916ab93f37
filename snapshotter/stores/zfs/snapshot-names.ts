/** The snapshots that LayerFS makes of its own accord: it gives people no names that begin like these. */
const RESERVED = /^(?:layer|layerfs-.*)$/;

/** What people cannot know: made to read or clone an active layer, and gone afterwards unless a clone stands on it. */
export const verifySnapshot = (dataset: string) => `${dataset}@layerfs-verify`;
export const cloneSnapshot = (cloneId: string) => `layerfs-clone-${cloneId}`;

/** The snapshot's own name, without its dataset. */
export const snapshotPart = (name: string): string => name.slice(name.indexOf('@') + 1);
export const datasetPart = (name: string): string => name.split('@', 1)[0] ?? '';

export const isReserved = (snapshot: string): boolean => RESERVED.test(snapshot);
export const isTemporary = (snapshot: string): boolean => snapshot.startsWith('layerfs-');
