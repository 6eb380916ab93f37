/** Runs in the machine: `node driver.cjs TOPIC...`, all of them at once; prints a ReportLine for each thing shown. */
import { place, type Place } from './bed.ts';
import { faults } from './faults.ts';
import { killDaemon } from './kill-daemon.ts';
import { killWorker } from './kill-worker.ts';
import { pools } from './pools.ts';
import { Report } from './report.ts';
import { firstStarts, starts } from './starts.ts';

type Topic = (place: Place, report: Report) => Promise<void>;

const TOPICS: Readonly<Record<string, Topic>> = {
  'kill-daemon': killDaemon,
  'kill-worker': killWorker,
  faults,
  'first-start': firstStarts,
  starts,
  pools,
};

async function main(): Promise<void> {
  process.setMaxListeners(0);
  await Promise.all(
    process.argv.slice(2).map(async (name) => {
      const topic = TOPICS[name];
      const report = new Report(name);
      await report.check('runs to its end', async () => {
        if (topic === undefined) throw new Error('there is no such topic');
        const started = Date.now();
        await topic(place(name), report);
        return `${Math.round((Date.now() - started) / 1000)} s`;
      });
    }),
  );
}

void main().then(() => process.exit(0));
