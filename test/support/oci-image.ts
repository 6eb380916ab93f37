import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { busyboxRootfs, type RootfsEntry } from './busybox-rootfs.ts';

export interface Image {
  /** The full reference, such as `docker.io/library/busybox:latest`. */
  readonly name: string;
  /** The image's `config` object: Env, Cmd, User, WorkingDir, … */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Layers on top of busybox's. */
  readonly layers?: readonly (readonly RootfsEntry[])[];
}

export const BUSYBOX_IMAGE: Image = { name: 'docker.io/library/busybox:latest' };

const OCI = 'application/vnd.oci.image';
const EPOCH = new Date(0);

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly content: Buffer;
}

/**
 * Writes an OCI image archive, as `ctr image import` takes it, with images that share one busybox layer.
 * The same busybox gives the same bytes each time: no time of day, no order of a directory gets in.
 */
export async function writeImageArchive(file: string, images: readonly Image[] = [BUSYBOX_IMAGE]): Promise<void> {
  const base = await layerBlob(await busyboxRootfs());
  const manifests = await Promise.all(images.map((image) => describeImage(image, base)));
  const blobs = new Map(manifests.flatMap((manifest) => manifest.blobs).map((blob) => [blob.digest, blob]));
  const index = { schemaVersion: 2, manifests: manifests.map(({ descriptor }) => descriptor) };

  const archive = pack();
  addFile(archive, 'oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  for (const { digest, content } of blobs.values()) addFile(archive, pathOf({ digest }), content);
  addFile(archive, 'index.json', json(index));
  // For a Docker that keeps no OCI images.
  addFile(archive, 'manifest.json', json(manifests.map(({ docker }) => docker)));
  archive.finalize();
  await pipeline(archive, createWriteStream(file));
}

const layerBlob = async (entries: readonly RootfsEntry[]) => toBlob(`${OCI}.layer.v1.tar`, await packLayer(entries));

async function describeImage(image: Image, base: Blob) {
  const layers = [base, ...(await Promise.all((image.layers ?? []).map(layerBlob)))];
  const config = toBlob(`${OCI}.config.v1+json`, json(imageConfig(image, layers)));
  const manifest = toBlob(
    `${OCI}.manifest.v1+json`,
    json({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: describe(config),
      layers: layers.map(describe),
    }),
  );
  const tag = image.name.slice(image.name.lastIndexOf(':') + 1);
  const annotations = { 'io.containerd.image.name': image.name, 'org.opencontainers.image.ref.name': tag };
  const docker = { Config: pathOf(config), RepoTags: [image.name], Layers: layers.map(pathOf) };
  return { blobs: [...layers, config, manifest], descriptor: { ...describe(manifest), annotations }, docker };
}

function imageConfig(image: Image, layers: readonly Blob[]) {
  return {
    created: EPOCH.toISOString(),
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['sh'], ...image.config },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created: EPOCH.toISOString(), created_by: 'a test' })),
  };
}

async function packLayer(entries: readonly RootfsEntry[]): Promise<Buffer> {
  const layer = pack();
  for (const entry of entries) {
    if (entry.type === 'file') addFile(layer, entry.name, entry.content, entry.mode);
    else if (entry.type === 'directory') layer.entry({ ...entry, mtime: EPOCH });
    else layer.entry({ type: 'symlink', name: entry.name, linkname: entry.target, mtime: EPOCH });
  }
  layer.finalize();
  return buffer(layer);
}

function addFile(archive: Pack, name: string, content: Uint8Array, mode = 0o644): void {
  archive.entry({ type: 'file', name, mode, mtime: EPOCH }, Buffer.from(content));
}

function toBlob(mediaType: string, content: Buffer): Blob {
  return { mediaType, content, digest: `sha256:${createHash('sha256').update(content).digest('hex')}` };
}

const pathOf = ({ digest }: Pick<Blob, 'digest'>) => `blobs/${digest.replace(':', '/')}`;
const describe = ({ mediaType, digest, content }: Blob) => ({ mediaType, digest, size: content.length });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
