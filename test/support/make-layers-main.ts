/** makeLayers as a program, for where tests cannot reach the daemon's socket themselves: SOCKET STEPS-AS-JSON. */
import { makeLayers, type LayerStep } from './make-layers.ts';

const [socket = '', steps = '[]'] = process.argv.slice(2);
process.stdout.write(await makeLayers(socket, JSON.parse(steps) as LayerStep[]));
