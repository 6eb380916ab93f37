import path from 'node:path';
import { DIST_BIN } from './runtimes.ts';

/** The daemon's program, as the build made it. */
export const SNAPSHOTTER = path.join(DIST_BIN, 'layerfs-snapshotter');
