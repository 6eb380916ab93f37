/** `npm run chaos`: a load of containers, and everything that can go wrong at the same time. */
import { UsageError } from '../../shim/cli/usage-error.ts';
import { interruption, newSeed, numberOf, parseOptions, runProgram, say } from '../support/command-line.ts';
import { FAULTS } from './faults/all.ts';
import { chaosReport } from './report.ts';
import { runChaos, type ChaosOptions } from './run.ts';

const HELP = `Usage: npm run chaos -- [options]

Creates, starts, execs, pauses, kills and deletes containers with ctr and with containerd's Go client, in a containerd of
its own, while daemon and monitors are killed, containerd is restarted, readers stall and vanish, the state directory fills
up, and processes stand still. Afterwards every exit status and every event must have been right, no call may have hung,
and nothing may be left. Needs root, Go, and a build (npm run build).

  --minutes N      how long faults happen        (default 3)
  --seed S         what all of it is drawn from  (default: a new one, which is told)
  --containers N   how many at a time            (default 6)
  --faults NAMES   only these, with commas between them: ${Object.keys(FAULTS).join(', ')}; or none
  --json           print the result as JSON
  --help           this text

Exit status: 0 if nothing failed, 1 if something did, 2 for a wrong command line.

Examples:
  npm run chaos -- --minutes 30
  npm run chaos -- --minutes 3 --seed 42 --faults daemon,stop
  npm run -s chaos -- --minutes 1 --json | jq .failures
`;

const parseCommandLine = () =>
  parseOptions({
    minutes: { type: 'string', default: '3' },
    seed: { type: 'string', default: newSeed() },
    containers: { type: 'string', default: '6' },
    faults: { type: 'string', default: Object.keys(FAULTS).join(',') },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  });

type CommandLine = ReturnType<typeof parseCommandLine>;

function optionsOf({ minutes, seed, containers, faults }: CommandLine): ChaosOptions {
  const names = faults === 'none' ? [] : faults.split(',');
  return {
    minutes: numberOf('minutes', minutes, { least: 0.1, most: 24 * 60 }),
    seed: numberOf('seed', seed, { least: 0, most: 2 ** 32 - 1 }),
    containers: numberOf('containers', containers, { least: 1, most: 100 }),
    faults: names.map((name) => {
      const fault = FAULTS[name];
      if (fault === undefined) throw new UsageError(`--faults: ${name} is none of ${Object.keys(FAULTS).join(', ')}`);
      return fault;
    }),
  };
}

async function main(): Promise<number> {
  const line = parseCommandLine();
  if (line.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const options = optionsOf(line);
  const again = `npm run chaos -- --minutes ${line.minutes} --seed ${line.seed} --containers ${line.containers} --faults ${line.faults}`;
  say(`seed ${line.seed}; to stop early: Ctrl-C, once`);
  const result = await runChaos(options, say, interruption());
  process.stdout.write(line.json ? `${JSON.stringify({ ...result, again }, null, 2)}\n` : chaosReport(result, again));
  return result.failures.length === 0 ? 0 : 1;
}

await runProgram('chaos', main);
