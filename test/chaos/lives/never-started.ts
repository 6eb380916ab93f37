import { Life } from './life.ts';

/** Created, and killed before it was started. */
export class NeverStartedLife extends Life {
  readonly kind = 'never started';

  protected async live(): Promise<void> {
    await this.define(['true']);
    await this.create();
    await this.kill(9);
    await this.end(137);
  }
}
