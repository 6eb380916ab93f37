import type { Fault } from './faults/fault.ts';
import { Random } from './random.ts';

/** A fault and its moment, in ms since the run began. */
export interface Appointment {
  readonly at: number;
  readonly fault: Fault;
  /** What it draws its details from. */
  readonly random: Random;
}

/** When each fault strikes, drawn from the seed alone: what else a run has, or how fast it is, changes nothing. */
export function scheduleOf(fault: Fault, seed: number, durationMs: number): Appointment[] {
  const random = new Random(seed, fault.name);
  const appointments: Appointment[] = [];
  for (let at = random.interval(fault.meanMs); at < durationMs; at += random.interval(fault.meanMs))
    appointments.push({ at, fault, random: new Random(seed, `${fault.name} ${appointments.length}`) });
  return appointments;
}
