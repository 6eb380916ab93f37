import { messageOf } from '../../common/errors.ts';
import type { Containerd } from '../support/containerd.ts';
import { describeProcesses } from '../support/kept-logs.ts';
import type { EventTap } from './event-tap.ts';
import type { GoClient } from './go-client.ts';
import type { Life } from './lives/life.ts';
import { Windows } from './windows.ts';

/** What every life and every fault of a run shares. */
export class World {
  readonly containerd: Containerd;
  readonly client: GoClient;
  readonly tap: EventTap;
  /** For streams, of our client's and of ctr's. */
  readonly fifos: string;
  /** To whoever waits for the end of the run. */
  readonly say: (text: string) => void;
  readonly windows = new Windows();
  /** Those that go on. */
  readonly lives = new Set<Life>();
  /** What was done, and how often. */
  readonly counts = new Map<string, number>();
  readonly failures: string[] = [];

  constructor(parts: Pick<World, 'containerd' | 'client' | 'tap' | 'fifos' | 'say'>) {
    this.containerd = parts.containerd;
    this.client = parts.client;
    this.tap = parts.tap;
    this.fifos = parts.fifos;
    this.say = parts.say;
  }

  /** For whoever has to find out why something failed: it is kept with the logs of such a run. */
  readonly history: string[] = [];

  note(what: string): void {
    this.history.push(`${now()} ${what}`);
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  fail(what: string): void {
    this.failures.push(`${now()} ${what}`);
    this.say(`FAILURE ${what}`);
    this.note(`FAILURE ${what}`);
    if (this.failures.length <= LOOKED_INTO) void this.#describe();
  }

  async #describe(): Promise<void> {
    this.note(await describeProcesses(this.containerd.marker).catch(messageOf));
  }
}

/** Later ones are mostly what the first ones led to. */
const LOOKED_INTO = 3;

/** Of today, in UTC, as the logs say it too. */
const now = () => new Date().toISOString().slice(11, 23);
