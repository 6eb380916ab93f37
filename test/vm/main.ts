/** `npm run vm`, `vm:build`, `vm:shell`, `vm:start` and `vm:stop`. */
import { messageOf } from '../../common/errors.ts';
import { CHECKOUT } from './checkout.ts';
import { run } from './cli/run.ts';
import { start } from './cli/start.ts';
import { stop } from './cli/stop.ts';
import { startVm } from './start-vm.ts';

const HELP = `Usage: npm run vm -- COMMAND [ARGUMENT…]    runs a command, as root, in a fresh Debian 13 VM
       npm run vm:build                      builds the image, if there is none yet (else the first command does)
       npm run vm:shell                      gives you a shell in one
       npm run vm:start                      leaves one running, which the two above then use
       npm run vm:stop                       stops it

The VM has this checkout read-only at ${CHECKOUT}, where commands start, and two empty disks of 8 GiB for ZFS pools,
/dev/disk/by-id/virtio-scratch and virtio-scratch2. Nothing that you change in it outlives it. The exit code, stdout,
stderr and stdin are the command's. There is no network. See docs/testing-vm.md.

The first time, the image is built (six minutes and more). npm run -s keeps npm's own words out of stdout.

LXCRI_VM_ACCEL=kvm or =tcg chooses the accelerator; unset, KVM is tried first.

Examples:
  npm run vm -- uname -a
  npm run vm -- sh -c 'zpool create tank /dev/disk/by-id/virtio-scratch && zfs list'
  npm run -s vm -- cat /etc/os-release > os-release
  npm run vm:start && npm run vm -- systemctl start docker && npm run vm -- docker info; npm run vm:stop
`;

const [command, ...args] = process.argv.slice(2);

async function main(): Promise<number> {
  if (args[0] === '--help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (command === 'build' && args.length === 0) return build();
  if (command === 'start' && args.length === 0) return start();
  if (command === 'stop' && args.length === 0) return stop();
  if (command === 'shell' && args.length === 0) return run(['bash', '-l']);
  if (command === 'run' && args.length > 0) return run(args);
  process.stderr.write(HELP);
  return 2;
}

/** All that a first start has to do, the state of a machine that has booted included. */
async function build(): Promise<number> {
  const vm = await startVm();
  await vm.stop();
  return 0;
}

try {
  // A machine that is still on its way to start ends with this process.
  process.exit(await main());
} catch (error) {
  process.stderr.write(`vm: ${messageOf(error)}\n`);
  process.exit(1);
}
