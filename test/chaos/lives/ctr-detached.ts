import { patient } from './busy.ts';
import { CtrLife } from './ctr-life.ts';
import { Trouble } from './life.ts';

/** `ctr run --detach`, and then what ctr can do with a task. */
export class CtrDetachedLife extends CtrLife {
  readonly kind = 'ctr run --detach';

  protected async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    await this.adopt(await this.ctr(this.runArgs(['--detach', '--null-io'], patient(exit))));
    this.hasMonitor = true;
    if (this.random.chance(0.7)) await this.#exec();
    if (this.random.chance(0.5)) await this.#pause();
    const { outcome } = await this.ctr(['tasks', 'kill', '--signal', 'SIGKILL', this.id]);
    if (outcome !== 'done') await this.act('kill', { signal: 9 }, (status) => status === 'stopped');
    await this.end(137);
  }

  async #exec(): Promise<void> {
    const exit = this.random.between(0, 255);
    const flags = ['--exec-id', 'e1', '--fifo-dir', this.world.fifos];
    const command = ['sh', '-c', `echo by ctr; exit ${exit}`];
    const run = await this.ctr(['tasks', 'exec', ...flags, this.id, ...command], exit);
    if (run.outcome !== 'done' || this.isKilled()) {
      for (const topic of ['exec-added', 'exec-started', 'exit']) this.expectation.may(`/tasks/${topic}`, 'e1');
      return;
    }
    this.expectation.must('/tasks/exec-added', { exec: 'e1' });
    this.expectation.must('/tasks/exec-started', { exec: 'e1' });
    this.expectation.must('/tasks/exit', { exec: 'e1', exit });
    if (run.stdout !== 'by ctr\n') throw new Trouble(`exec said ${JSON.stringify(run.stdout)}`);
  }

  async #pause(): Promise<void> {
    const paused = await this.ctr(['tasks', 'pause', this.id]);
    const was = paused.outcome === 'done' || (await this.look()) === 'paused';
    if (was) this.expectation.must('/tasks/paused');
    else {
      this.expectation.may('/tasks/paused');
      return;
    }
    await this.ctr(['tasks', 'metrics', this.id]);
    const { outcome } = await this.act('resume', {}, (status) => status === 'running');
    if (outcome === 'done') this.expectation.must('/tasks/resumed');
    else this.expectation.may('/tasks/resumed');
  }
}
