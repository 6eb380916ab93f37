/** `npm run fuzz`: mutated frames, messages and config.json files for a real keeper and a real daemon. */
import { interruption, newSeed, parseOptions, runProgram, say, wholeNumberOf } from '../support/command-line.ts';
import { fuzzReport, isClean } from './report.ts';
import { runFuzz, type FuzzOptions } from './run.ts';

const HELP = `Usage: npm run fuzz -- [options]

Starts a keeper and a shim daemon without containerd, with one container that runs all the time. Sends them mutated frames
and mutated protobufs of every method over several connections at once, then creates containers from mutated config.json
files. Nothing may crash, hang or grow, every answer must be one that somebody meant to give, and nothing may be left.
Needs root, ctr, and a build (npm run build). It touches nothing of the host: no path in what is sent names anything.

  --frames N    how many frames, mutated protobufs among them  (default 1000000)
  --configs N   how many config.json files                     (default 2000)
  --seed S      what all of it is drawn from                   (default: a new one, which is told)
  --json        print the result as JSON
  --help        this text

Exit status: 0 if nothing was found, 1 if something was, 2 for a wrong command line. What a finding was found with is kept
in /tmp/lxcri-fuzz-SEED.

Examples:
  npm run fuzz
  npm run fuzz -- --frames 10000000 --configs 0
  npm run fuzz -- --frames 300000 --configs 300 --seed 42
  npm run -s fuzz -- --frames 100000 --json | jq .findings
`;

const parseCommandLine = () =>
  parseOptions({
    frames: { type: 'string', default: '1000000' },
    configs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: newSeed() },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  });

async function main(): Promise<number> {
  const line = parseCommandLine();
  if (line.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const options: FuzzOptions = {
    frames: wholeNumberOf('frames', line.frames, { least: 0, most: 1e12 }),
    configs: wholeNumberOf('configs', line.configs, { least: 0, most: 1e9 }),
    seed: wholeNumberOf('seed', line.seed, { least: 0, most: 2 ** 32 - 1 }),
  };
  const again = `npm run fuzz -- --frames ${line.frames} --configs ${line.configs} --seed ${line.seed}`;
  say(`seed ${line.seed}; to stop early: Ctrl-C, once`);
  const signal = interruption();
  const result = await runFuzz(options, say, signal);
  if (signal.aborted) say('ended early: this is what was done until then');
  process.stdout.write(line.json ? `${JSON.stringify({ ...result, again }, null, 2)}\n` : fuzzReport(result, again));
  return isClean(result) ? 0 : 1;
}

await runProgram('fuzz', main);
