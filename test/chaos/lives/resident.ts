import { setTimeout as sleep } from 'node:timers/promises';
import { BusyLife, patient } from './busy.ts';
import { Trouble } from './life.ts';

const LOOK_MS = 2000;
const TERM = 15;

/** Runs as long as the run does, and must be the same at the end of it. */
export class ResidentLife extends BusyLife {
  override readonly kind = 'resident';
  override readonly lasting = true;
  #over = false;

  /** It is to end now. */
  release(): void {
    this.#over = true;
  }

  protected override async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    await this.define(patient(exit));
    await this.create();
    await this.start();
    await this.says('ready');
    const first = await this.act('status');
    while (!this.#over) {
      await sleep(LOOK_MS * this.random.fraction());
      const { answer } = await this.act('status');
      if (answer.status !== 'running' || answer.pid !== first.answer.pid)
        throw new Trouble(`is ${answer.status} with the pid ${answer.pid}; was running with ${first.answer.pid}`);
      if (this.random.chance(0.3))
        await this.exec({ args: ['sh', '-c', 'echo here; exit 3'], exit: 3, says: 'here\n' });
    }
    await this.kill(TERM);
    await this.end(exit);
  }
}
