import type { Logger } from '../../common/logger.ts';

/** The daemon, as far as its sleep is concerned. */
export interface Sleeper {
  /** Grows with everything that keeps it awake. */
  readonly activity: number;
  /** It has something in hand that a successor could not simply take up. */
  readonly isBusy: boolean;
  readonly containers: number;
  /** Lets go of all monitors, which will wake the keeper from then on. @returns whether all have gone to sleep. */
  letGo(): Promise<boolean>;
  /** Takes them up again. */
  takeUp(): Promise<void>;
  /** Asks the keeper whether this daemon may end. */
  mayEnd(): Promise<boolean>;
  end(): void;
}

export interface SleepTimes {
  /** How long nothing has to happen before the daemon ends, in milliseconds. */
  readonly sleepMs: number;
  /** The same without containers, if it is less. */
  readonly lingerMs: number;
}

/** Ends a daemon that nobody needs at the moment: the keeper starts another one when somebody does. */
export class Sleep {
  readonly #sleeper: Sleeper;
  readonly #times: SleepTimes;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #quiet = { since: performance.now(), activity: -1 };

  constructor(sleeper: Sleeper, times: SleepTimes, logger: Logger) {
    this.#sleeper = sleeper;
    this.#times = times;
    this.#logger = logger;
  }

  watch(): void {
    if (this.#stopped) return;
    const interval = Math.min(1000, Math.max(20, this.#delay / 4));
    this.#timer = setTimeout(() => {
      void this.#check();
    }, interval);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  get #delay(): number {
    const { sleepMs, lingerMs } = this.#times;
    return this.#sleeper.containers > 0 ? sleepMs : Math.min(sleepMs, lingerMs);
  }

  async #check(): Promise<void> {
    try {
      if (this.#hasBeenQuiet() && (await this.#fallAsleep())) return;
    } catch (error) {
      this.#logger.error({ err: error }, 'the daemon cannot go to sleep; it will try again');
      this.#startAnew();
    }
    this.watch();
  }

  /** Wall clocks may jump, so none is asked. */
  #hasBeenQuiet(): boolean {
    if (!this.#isQuiet) this.#startAnew();
    return performance.now() - this.#quiet.since >= this.#delay;
  }

  get #isQuiet(): boolean {
    return !this.#sleeper.isBusy && this.#sleeper.activity === this.#quiet.activity;
  }

  #startAnew(): void {
    this.#quiet = { since: performance.now(), activity: this.#sleeper.activity };
  }

  async #fallAsleep(): Promise<boolean> {
    let mayEnd = false;
    try {
      // What the monitors said last may have made something to do.
      mayEnd = (await this.#sleeper.letGo()) && this.#isQuiet && (await this.#sleeper.mayEnd());
    } finally {
      if (!mayEnd) await this.#sleeper.takeUp();
    }
    if (mayEnd) this.#sleeper.end();
    else this.#startAnew();
    return mayEnd;
  }
}
