import { invalidArgument } from '../../common/errors.ts';
import { CreateOptions } from '../../proto/gen/containerd/linux/runc/options.ts';
import { Options } from '../../proto/gen/containerd/runc/v1/options.ts';
import type { Any } from '../../proto/gen/google/protobuf/any.ts';
import { Options as RuntimeOptions } from '../../proto/gen/runtimeoptions/v1/options.ts';

/**
 * Checks the runtime options of a Create request. Docker, CRI and ctr send runc's for every runtime; there is nothing
 * in them that this shim does, so each that asks for something is refused by name.
 */
export function checkTaskOptions(options: Any | undefined): void {
  if (options === undefined || options.typeUrl === '') return;
  const type = options.typeUrl.replace(/^.*\//, '');
  switch (type) {
    case 'containerd.runc.v1.Options':
      refuseSet(
        type,
        decode(type, () => Options.decode(options.value)),
      );
      return;
    case 'containerd.linux.runc.CreateOptions': // what ctr --no-pivot sends
      refuseSet(
        type,
        decode(type, () => CreateOptions.decode(options.value)),
      );
      return;
    case 'runtimeoptions.v1.Options':
      refuseSet(
        type,
        decode(type, () => RuntimeOptions.decode(options.value)),
      );
      return;
    default:
      throw invalidArgument(
        `options have the type ${JSON.stringify(options.typeUrl)}: expected containerd.runc.v1.Options, runtimeoptions.v1.Options, or none`,
      );
  }
}

function decode(type: string, decoder: () => object): object {
  try {
    return decoder();
  } catch (error) {
    throw invalidArgument(`options are no ${type}: ${String(error)}`, { cause: error });
  }
}

function refuseSet(type: string, options: object): void {
  const set = Object.entries(options)
    .filter(([, value]) => isSet(value))
    .map(([name]) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  if (set.length === 0) return;
  throw invalidArgument(
    `options (${type}) set ${set.join(', ')}: runtime io.containerd.lxcri.v1 has no such option; remove it`,
  );
}

function isSet(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length > 0;
  return value !== undefined && value !== '' && value !== 0 && value !== false;
}
