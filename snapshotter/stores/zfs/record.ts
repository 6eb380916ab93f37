import type { Layer } from '../../layerfs/layer.ts';
import { parseDocument, toDocument, toLayer } from '../layer-document.ts';

/** A user property's value is at most 8 KiB (zfsprops(7)), and labels may be more: the rest goes into `NAME.1` and on. */
const MAX_VALUE = 8000;

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

/** The user properties that keep a layer. What is left of a longer record is not read. */
export function encodeRecord(property: string, layer: Layer): Properties {
  const text = asciiJson(toDocument(layer));
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
  return toLayer(id, parseDocument(pieces.join(''), `property ${property}`));
}

/** The ids of the views that a snapshot's properties tell of. */
export function viewIds(properties: Properties): string[] {
  return [...properties.keys()].flatMap((name) => VIEW_PROPERTY.exec(name)?.[1] ?? []);
}

/** `zfs get` separates by tabs and lines, and libnvpair's JSON depends on the locale: so ASCII without control characters. */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
