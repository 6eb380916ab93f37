import { MS_BIND, MS_REMOUNT } from '../mount-flags.ts';
import { isKnownMountOption, parseMountOptions, type MountOptions } from '../mount-options.ts';
import type { Mount } from '../spec.ts';
import { list, object, unlessEmpty, type Check } from './check.ts';
import { idMappings } from './id-mappings.ts';
import type { Place } from './place.ts';
import { cleanPath, text } from './strings.ts';

/** mount(2) copies one page of data and cuts off what is longer, without an error. */
const MAX_DATA_BYTES = 4095;

/** A relative one is deprecated and means relative to `/` (config.md, Mounts). */
const destination: Check<string> = (value, at) => {
  const path = text(value, at);
  if (path === '') throw at.refusal(value, 'an absolute path');
  return cleanPath(`/${path}`);
};

const fields = object<Mount>({
  destination,
  type: unlessEmpty(text),
  source: unlessEmpty(text),
  options: list(text),
  uidMappings: idMappings,
  gidMappings: idMappings,
});

const mount: Check<Mount> = (value, at) => {
  const checked = fields(value, at);
  const options = parseMountOptions(checked.options);
  if ((options.flags & MS_BIND) !== 0) checkBind(checked, options, at);
  else checkFileSystem(checked, options, at);
  if ((checked.uidMappings.length === 0) !== (checked.gidMappings.length === 0)) {
    const missing = checked.uidMappings.length === 0 ? 'uidMappings' : 'gidMappings';
    throw at.at(missing).refusal(undefined, 'both uidMappings and gidMappings, or neither');
  }
  return checked;
};

/** The kernel ignores the type and any data of a bind; runc refuses data too (libcontainer/configs/validate). */
function checkBind(checked: Mount, options: MountOptions, at: Place): void {
  if (checked.source === undefined) throw at.at('source').refusal(undefined, 'the path to bind');
  if (options.data === '') return;
  const index = checked.options.findIndex((option) => !isKnownMountOption(option));
  const place = at.at('options').at(index);
  throw place.refusal(checked.options[index], 'an option that a bind mount has, as it has no file system of its own');
}

function checkFileSystem(checked: Mount, options: MountOptions, at: Place): void {
  const remount = (options.flags & MS_REMOUNT) !== 0;
  if (checked.type === undefined && !remount) {
    throw at.at('type').refusal(undefined, 'a file system type, as options has neither bind nor rbind');
  }
  if (checked.type === 'bind') {
    throw at.at('options').refusal(checked.options, 'bind or rbind among them, as type is "bind"');
  }
  if (options.idmap !== undefined || checked.uidMappings.length > 0) {
    throw at.at('options').refusal(checked.options, 'bind or rbind among them, as only binds can be id-mapped');
  }
  if (options.tmpcopyup && checked.type !== 'tmpfs') {
    throw at.at('type').refusal(checked.type, 'tmpfs, as options has tmpcopyup');
  }
  if (Buffer.byteLength(options.data) > MAX_DATA_BYTES) {
    throw at.at('options').refusal(checked.options, `at most ${MAX_DATA_BYTES} bytes of file system options`);
  }
}

export const checkMounts = list(mount);
