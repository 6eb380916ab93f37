import { invalidArgument } from '../../../common/errors.ts';
import { readTextIfExists } from '../../../common/files.ts';

const ENABLED = '/sys/module/apparmor/parameters/enabled';

/**
 * The profile that the init has to ask for; undefined: none, which is what `unconfined` means on a host without AppArmor.
 * @throws StatusError InvalidArgument for a profile that this host cannot apply; never runs unconfined what should not.
 */
export async function appArmorProfile(profile: string | undefined): Promise<string | undefined> {
  if (profile === undefined) return undefined;
  if ((await readTextIfExists(ENABLED))?.startsWith('Y') === true) return profile;
  if (profile === 'unconfined') return undefined;
  throw invalidArgument(
    `process.apparmorProfile is ${JSON.stringify(profile)}: this host has no AppArmor (${ENABLED}); remove it`,
  );
}
