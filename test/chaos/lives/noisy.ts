import { Life, Trouble } from './life.ts';

const BYTES = 400_000;

/** Writes more than a FIFO holds, a little at a time: whoever stalls or leaves its reader, stops it alone. */
export class NoisyLife extends Life {
  readonly kind = 'noisy';

  protected async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    const rounds = 20;
    // What became of a head that did not come to its end is told by the exit status.
    const line = `head -c ${BYTES / rounds} /dev/zero || exit $?; sleep 0.05`;
    await this.define(['sh', '-c', `n=0; while [ $n -lt ${rounds} ]; do ${line}; n=$((n+1)); done; exit ${exit}`]);
    await this.create();
    if (await this.start()) await this.waitFor(exit);
    if (this.hasWholeOutput()) {
      const { bytes } = await this.output();
      if (this.hasWholeOutput() && bytes !== BYTES) throw new Trouble(`${bytes} bytes came out instead of ${BYTES}`);
    }
    await this.end(exit);
  }
}
