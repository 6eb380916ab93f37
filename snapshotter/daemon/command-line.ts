import { parseArgs } from 'node:util';
import { invalidArgument, messageOf } from '../../common/errors.ts';
import { parseSize } from '../layerfs/max-size.ts';

export interface Settings {
  /** The daemon's own directory, absolute. */
  readonly root: string;
  /** Where it listens, unless systemd hands it a socket. */
  readonly socket: string;
  readonly store: 'auto' | 'zfs' | 'overlay';
  readonly dataset: string | undefined;
  /** Bytes; for containers, not for images. */
  readonly defaultSize: bigint | undefined;
  readonly logLevel: string;
}

export type Command =
  { readonly run: 'daemon'; readonly settings: Settings } | { readonly run: 'help' } | { readonly run: 'version' };

export const HELP = `layerfs-snapshotter - keeps containerd's image layers and container file systems in ZFS

Usage: layerfs-snapshotter [options]

  --root DIR          its own directory                      (default: /var/lib/layerfs)
  --socket PATH       where it listens                       (default: /run/layerfs/layerfs.sock)
                      A socket from systemd (layerfs-snapshotter.socket) is used instead.
  --store KIND        zfs, overlay or auto                   (default: auto)
                      auto takes zfs if a pool is imported, else overlay, and stays with it.
  --dataset DATASET   where the zfs store keeps layers       (default: POOL/layerfs)
  --default-size SIZE how much a container may write to, with its image, e.g. 20G; a label
                      containerd.io/snapshot/max-size says otherwise (default: no limit)
  --log-level LEVEL   trace, debug, info, warn, error        (default: info)
  --version, --help

Examples:
  layerfs-snapshotter --dataset rpool/layerfs
  layerfs-snapshotter --store overlay --root /tmp/layers --socket /tmp/layers.sock

containerd learns of it from /etc/containerd/config.toml:

  [proxy_plugins.layerfs]
    type = "snapshot"
    address = "/run/layerfs/layerfs.sock"

and then: ctr images pull --snapshotter layerfs docker.io/library/alpine:latest
`;

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error'];
/** sun_path, unix(7), with its NUL. */
const MAX_SOCKET_PATH = 107;

/** @throws StatusError InvalidArgument that names the option. */
export function parseCommandLine(args: readonly string[]): Command {
  const values = parse(args);
  if (values.help === true) return { run: 'help' };
  if (values.version === true) return { run: 'version' };
  const settings: Settings = {
    root: absolute(values.root ?? '/var/lib/layerfs', '--root'),
    socket: socketPath(values.socket ?? '/run/layerfs/layerfs.sock'),
    store: oneOf(values.store ?? 'auto', ['auto', 'zfs', 'overlay'] as const, '--store'),
    dataset: values.dataset === undefined ? undefined : datasetName(values.dataset),
    defaultSize: values['default-size'] === undefined ? undefined : parseSize(values['default-size'], '--default-size'),
    logLevel: oneOf(values['log-level'] ?? 'info', LOG_LEVELS, '--log-level'),
  };
  if (settings.store === 'overlay' && settings.dataset !== undefined) {
    throw invalidArgument(`--dataset ${settings.dataset} is for the zfs store, and --store is overlay: leave one out`);
  }
  return { run: 'daemon', settings };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = {
    root: text,
    socket: text,
    store: text,
    dataset: text,
    'default-size': text,
    'log-level': text,
    version: flag,
    help: { ...flag, short: 'h' },
  } as const;
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    const message = messageOf(cause);
    throw invalidArgument(`${message}; see --help`, { cause });
  }
}

function absolute(value: string, option: string): string {
  if (value.startsWith('/') && !value.includes('\0')) return value;
  throw invalidArgument(`${option} ${JSON.stringify(value)} is no absolute path: begin it with /`);
}

function socketPath(value: string): string {
  const bytes = Buffer.byteLength(absolute(value, '--socket'));
  if (bytes <= MAX_SOCKET_PATH) return value;
  throw invalidArgument(
    `--socket has ${bytes} bytes, and a socket's path at most ${MAX_SOCKET_PATH}: choose a shorter one`,
  );
}

/** zfs(8), and long enough a rest for what stands below it. */
function datasetName(value: string): string {
  if (/^[A-Za-z][\w.:-]*(?:\/[\w.:-]+)+$/.test(value) && value.length <= 200) return value;
  throw invalidArgument(`--dataset ${JSON.stringify(value)} is no dataset below a pool: write it as in rpool/layerfs`);
}

function oneOf<T extends string>(value: string, choices: readonly T[], option: string): T {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw invalidArgument(`${option} ${JSON.stringify(value)} is unknown: choose one of ${choices.join(', ')}`);
}
