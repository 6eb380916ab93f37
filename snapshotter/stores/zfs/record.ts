import type { Labels, Layer, LayerKind } from '../../layerfs/layer.ts';

/** A user property's value is at most 8 KiB (zfsprops(7)), and labels may be more: the rest goes into `NAME.1` and on. */
const MAX_VALUE = 8000;

const VERSION = 1;

/** The user property that makes a dataset an active layer, and on a snapshot `@layer` a committed one. */
export const RECORD_PROPERTY = 'layerfs:record';

/** A view has no dataset: its record is with the snapshot that it shows. */
export const viewProperty = (id: string) => `layerfs:view.${id}`;
const VIEW_PROPERTY = /^layerfs:view\.(\d+)$/;

/** Says that the layer was removed, though it could not be destroyed at once. */
export const REMOVED_PROPERTY = 'layerfs:removed';

/** Set on a dataset whose content still comes, or came without a record to the end: it is no layer yet. */
export const INCOMING_PROPERTY = 'layerfs:incoming';

export type Properties = ReadonlyMap<string, string>;

interface Document {
  readonly v: number;
  readonly kind: LayerKind;
  readonly name: string;
  readonly parent?: string;
  readonly labels: Labels;
  readonly created: string;
  readonly updated: string;
}

/** The user properties that keep a layer. What is left of a longer record is not read. */
export function encodeRecord(property: string, layer: Layer): Properties {
  const { kind, name, parent, labels, createdAt, updatedAt } = layer;
  // The time comes first: it tells one commit's record from another's by the first piece alone.
  const document: Document = {
    v: VERSION,
    kind,
    created: createdAt.toString(),
    updated: updatedAt.toString(),
    name,
    ...(parent !== undefined && { parent }),
    labels,
  };
  const text = asciiJson(document);
  const pieces = text.match(new RegExp(`.{1,${MAX_VALUE}}`, 'g')) ?? [];
  return new Map(
    pieces.map((piece, index) =>
      index === 0 ? [property, `${pieces.length} ${piece}`] : [`${property}.${index}`, piece],
    ),
  );
}

/** How many properties a record takes. */
export function recordLength(property: string, properties: Properties): number {
  return Number(/^(\d+) /.exec(properties.get(property) ?? '')?.[1] ?? 0);
}

/** @throws Error that says what is wrong with the record; undefined if there is none. */
export function decodeRecord(property: string, id: string, properties: Properties): Layer | undefined {
  const first = properties.get(property);
  if (first === undefined) return undefined;
  const count = recordLength(property, properties);
  const pieces = Array.from({ length: count }, (_, index) =>
    index === 0 ? first.slice(first.indexOf(' ') + 1) : properties.get(`${property}.${index}`),
  );
  if (count === 0 || pieces.includes(undefined)) throw new Error(`property ${property} is incomplete`);
  const { kind, name, parent, labels, created, updated } = parseDocument(pieces.join(''), property);
  return {
    id,
    kind,
    name,
    ...(parent !== undefined && { parent }),
    labels,
    createdAt: BigInt(created),
    updatedAt: BigInt(updated),
  };
}

/** The ids of the views that a snapshot's properties tell of. */
export function viewIds(properties: Properties): string[] {
  return [...properties.keys()].flatMap((name) => VIEW_PROPERTY.exec(name)?.[1] ?? []);
}

function parseDocument(text: string, property: string): Document {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`property ${property} is no JSON`, { cause });
  }
  if (!isDocument(value)) throw new Error(`property ${property} is no record of version ${VERSION}`);
  return value;
}

function isDocument(value: unknown): value is Document {
  if (typeof value !== 'object' || value === null) return false;
  const { v, kind, name, parent, labels, created, updated } = value as Record<string, unknown>;
  return (
    v === VERSION &&
    (kind === 'active' || kind === 'view' || kind === 'committed') &&
    typeof name === 'string' &&
    (parent === undefined || isDigits(parent)) &&
    isLabels(labels) &&
    isDigits(created) &&
    isDigits(updated)
  );
}

const isDigits = (value: unknown): value is string => typeof value === 'string' && /^\d{1,30}$/.test(value);
const isLabels = (value: unknown): value is Labels =>
  typeof value === 'object' && value !== null && Object.values(value).every((label) => typeof label === 'string');

/** `zfs get` separates by tabs and lines, and libnvpair's JSON depends on the locale: so ASCII without control characters. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
