import { Life, Trouble } from './life.ts';

/** Says a word and ends. */
export class ShortLife extends Life {
  readonly kind = 'short';

  protected async live(): Promise<void> {
    const exit = this.random.between(0, 255);
    await this.define(['sh', '-c', `echo ${this.id}; exit ${exit}`]);
    await this.create();
    if (await this.start()) await this.waitFor(exit);
    if (this.hasWholeOutput()) {
      const { text } = await this.output();
      if (this.hasWholeOutput() && text !== `${this.id}\n`)
        throw new Trouble(`said ${JSON.stringify(text)} instead of its id`);
    }
    await this.end(exit);
  }
}
