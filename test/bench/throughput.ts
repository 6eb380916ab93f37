import { execa } from 'execa';
import type { Containerd } from '../support/containerd.ts';
import { BUSYBOX_IMAGE } from '../support/oci-image.ts';
import { RUNC } from '../support/runtimes.ts';
import type { Pair } from './pairs.ts';

const MIB = 1024;

/** MB/s that a payload gets rid of through its stdout, by its own clock, while ctr reads and drops it. */
async function rate(containerd: Containerd, runtime: string): Promise<number> {
  const id = `rate-${process.hrtime.bigint()}`;
  const command = ['time', 'dd', 'if=/dev/zero', 'bs=1M', `count=${MIB}`];
  const args = ['run', '--rm', '--runtime', runtime, BUSYBOX_IMAGE.name, id, ...command];
  const { exitCode, stderr } = await execa('ctr', args, {
    env: containerd.environment,
    stdin: 'ignore',
    stdout: 'ignore',
    timeout: 120_000,
    reject: false,
  });
  const [, minutes, seconds] = /^real\s+(\d+)m\s*([\d.]+)s$/m.exec(stderr) ?? [];
  if (exitCode !== 0 || seconds === undefined) throw new Error(`dd under ${runtime} said: ${stderr}`);
  return (MIB * 1.048576) / (Number(minutes) * 60 + Number(seconds));
}

export async function measureThroughput(containerd: Containerd, runtime: string, pairs: number): Promise<Pair[]> {
  const measured: Pair[] = [];
  for (let round = 0; round < pairs; round++) {
    const lxcri = await rate(containerd, runtime);
    measured.push({ lxcri, runc: await rate(containerd, RUNC) });
  }
  return measured;
}
