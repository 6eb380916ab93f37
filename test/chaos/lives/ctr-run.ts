import { CtrLife } from './ctr-life.ts';
import { Trouble } from './life.ts';

/** `ctr run --rm`, to its end. */
export class CtrRunLife extends CtrLife {
  readonly kind = 'ctr run --rm';

  protected async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    const wait = this.random.fraction().toFixed(2);
    this.hasMonitor = true;
    const run = await this.ctr(
      this.runArgs(['--rm'], ['sh', '-c', `echo from ctr; sleep ${wait}; exit ${exit}`]),
      exit,
    );
    this.hasMonitor = false;
    await this.adopt(run);
    if (run.outcome !== 'done') return this.end(exit);
    this.expectation.must('/tasks/exit', { exit });
    this.expectation.must('/tasks/delete', { exit });
    if (!this.isKilled() && run.stdout !== 'from ctr\n') throw new Trouble(`said ${JSON.stringify(run.stdout)}`);
  }
}
