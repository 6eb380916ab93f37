import { isDeepStrictEqual } from 'node:util';
import { Kind, type Info, type Labels } from '../../../support/snapshots-client.ts';

/** What the snapshotter has acknowledged of a snapshot. */
export interface Known {
  readonly kind: 'active' | 'view' | 'committed';
  readonly parent: string;
  readonly labels: Labels;
  /** Its files, with those of its parents. */
  readonly files: Readonly<Record<string, string>>;
}

/** All snapshots, by name. */
export type Model = Map<string, Known>;

const KINDS: Readonly<Record<Known['kind'], number>> = {
  active: Kind.ACTIVE,
  view: Kind.VIEW,
  committed: Kind.COMMITTED,
};

/** Whether the snapshots of these names are as the model has them. */
export function agrees(model: Model, infos: readonly Info[], names: readonly string[]): boolean {
  const found = new Map(infos.map((info) => [info.name, info]));
  return names.every((name) => describeDifference(model.get(name), found.get(name)) === undefined);
}

/** @returns one line for each snapshot that is not as the model has it. */
export function differences(model: Model, infos: readonly Info[]): string[] {
  const found = new Map(infos.map((info) => [info.name, info]));
  return [...new Set([...model.keys(), ...found.keys()])].flatMap((name) => {
    const difference = describeDifference(model.get(name), found.get(name));
    return difference === undefined ? [] : [`${name} ${difference}`];
  });
}

function describeDifference(known: Known | undefined, info: Info | undefined): string | undefined {
  if (known === undefined) return info === undefined ? undefined : 'should not be there';
  if (info === undefined) return 'is lost';
  if (info.kind !== KINDS[known.kind]) return `is of kind ${info.kind} instead of ${known.kind}`;
  if (info.parent !== known.parent) return `stands on ${info.parent} instead of ${known.parent}`;
  return isDeepStrictEqual({ ...info.labels }, known.labels) ? undefined : 'has other labels';
}
