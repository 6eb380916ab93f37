import type { Containerd } from '../support/containerd.ts';
import { eventually } from '../support/eventually.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { processesOf } from '../support/processes.ts';
import { measurePairs, type Pair } from './pairs.ts';

/** Milliseconds of `ctr run --rm … true`, from its start to its end. */
async function timeRun(containerd: Containerd, runtime: string): Promise<number> {
  const id = `run-${process.hrtime.bigint()}`;
  const start = performance.now();
  await containerd.ctr(['run', '--rm', '--runtime', runtime, BUSYBOX_IMAGE.name, id, 'true']);
  return performance.now() - start;
}

export const measureRunTimes = (containerd: Containerd, runtime: string, pairs: number): Promise<Pair[]> =>
  measurePairs(runtime, pairs, (name) => timeRun(containerd, name));

/** The first container after a pause, when the daemon has ended and has to be started. */
export async function measureColdStarts(containerd: Containerd, runtime: string, runs: number): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    await eventually(async () => ((await daemons(containerd)).length === 0 ? true : undefined));
    times.push(await timeRun(containerd, runtime));
  }
  return times;
}

/** Whatever of this containerd runs out of this project's library directory. */
async function daemons({ marker }: Containerd) {
  return (await processesOf(marker)).filter(({ command }) => command.includes('/proxmox-lxcri/'));
}
