/** One line for each thing that was to be shown, for whoever runs the driver in the machine. */
export class Report {
  readonly #topic: string;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** @param show says what came of it, or throws. */
  async check(title: string, show: () => Promise<string>): Promise<void> {
    let line: ReportLine;
    try {
      line = { topic: this.#topic, title, ok: true, text: await show() };
    } catch (error) {
      line = {
        topic: this.#topic,
        title,
        ok: false,
        text: error instanceof Error ? (error.stack ?? '') : String(error),
      };
    }
    process.stdout.write(`${JSON.stringify(line)}\n`);
  }
}

export interface ReportLine {
  readonly topic: string;
  readonly title: string;
  readonly ok: boolean;
  readonly text: string;
}
