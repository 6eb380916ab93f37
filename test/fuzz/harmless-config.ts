import { NASTY_STRINGS } from './nasty.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What is not in the sound document, and reaches beyond the container. */
const FORBIDDEN = ['hooks', 'hostname', 'domainname', 'solaris', 'windows', 'vm', 'zos'];
const FORBIDDEN_OF_LINUX = ['sysctl', 'devices', 'netDevices', 'intelRdt', 'uidMappings', 'gidMappings', 'timeOffsets'];

/**
 * Whether a container may be created from this on a host that is to stay as it is: each path that the runtime takes for
 * one of the host's is as in the sound document, or names nothing. What is no JSON is read by nobody.
 */
export function isHarmless(config: Buffer, sound: string): boolean {
  const document = parse(config.toString());
  if (document === undefined) return true;
  const right = fieldsOf(JSON.parse(sound));
  const linux = fieldsOf(document['linux']);
  return (
    FORBIDDEN.every((name) => !(name in document)) &&
    FORBIDDEN_OF_LINUX.every((name) => !(name in linux)) &&
    isKnown(fieldsOf(document['root'])['path'], [fieldsOf(right['root'])['path'], ...NASTY_STRINGS]) &&
    isKnown(linux['cgroupsPath'], [fieldsOf(right['linux'])['cgroupsPath'], '', '.', '..', '\0']) &&
    listOf(linux['namespaces']).every(({ path }) => isKnown(path, NASTY_STRINGS)) &&
    haveHarmlessSources(listOf(document['mounts']), listOf(right['mounts']))
  );
}

function haveHarmlessSources(mounts: readonly Fields[], right: readonly Fields[]): boolean {
  const sources = [...right.map(({ source }) => source), ...NASTY_STRINGS];
  return mounts.every(
    ({ source, type, options }) =>
      isKnown(source, sources) && type !== 'bind' && !/"r?bind"/.test(JSON.stringify(options ?? [])),
  );
}

/** What is no string is no path. */
const isKnown = (value: unknown, known: readonly unknown[]) => typeof value !== 'string' || known.includes(value);

function parse(text: string): Fields | undefined {
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
const listOf = (value: unknown): Fields[] => Object.values(fieldsOf(value)).map(fieldsOf);
