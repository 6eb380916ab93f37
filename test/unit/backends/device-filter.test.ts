import test from 'ava';
import fc from 'fast-check';
import { buildDeviceFilter } from '../../../shim/backends/lxc/device-filter.ts';
import { DEFAULT_DEVICE_RULES } from '../../../shim/backends/lxc/resources.ts';
import type { DeviceRule } from '../../../shim/oci/spec.ts';

/** Some process wants to open or make a device. */
interface Access {
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  /** Some of r, w and m. */
  readonly letters: readonly string[];
}

// ---- What the devices controller of cgroup v1 would answer: kernel, security/device_cgroup.c ----

interface KernelException {
  readonly type: string;
  readonly major: number | undefined;
  readonly minor: number | undefined;
  access: Set<string>;
}

class DevicesController {
  #behaviour: 'allow' | 'deny' = 'allow';
  #exceptions: KernelException[] = [];

  /** devcgroup_update_access, for a cgroup whose parent allows everything. */
  write({ allow, type, major, minor, access }: DeviceRule): void {
    if (type === 'a') {
      this.#behaviour = allow ? 'allow' : 'deny';
      this.#exceptions = [];
      return;
    }
    const letters = access.split('');
    const same = this.#exceptions.find((each) => each.type === type && each.major === major && each.minor === minor);
    if (allow === (this.#behaviour === 'allow')) {
      for (const letter of letters) same?.access.delete(letter);
      this.#exceptions = this.#exceptions.filter((each) => each.access.size > 0);
    } else if (same === undefined) {
      this.#exceptions.push({ type, major, minor, access: new Set(letters) });
    } else {
      for (const letter of letters) same.access.add(letter);
    }
  }

  /** devcgroup_legacy_check_permission */
  allows({ type, major, minor, letters }: Access): boolean {
    const about = this.#exceptions.filter(
      (each) =>
        each.type === type &&
        (each.major === undefined || each.major === major) &&
        (each.minor === undefined || each.minor === minor),
    );
    // match_exception_partial and match_exception.
    if (this.#behaviour === 'allow') return !about.some((each) => letters.some((letter) => each.access.has(letter)));
    return about.some((each) => letters.every((letter) => each.access.has(letter)));
  }
}

// ---- A machine for the few instructions of such a program: Documentation/bpf/standardization ----

/** @throws Error for a program that the kernel's verifier would refuse. */
function run(program: Buffer, { type, major, minor, letters }: Access): boolean {
  const bits = letters.reduce((sum, letter) => sum | { m: 1, r: 2, w: 4 }[letter as 'r' | 'w' | 'm'], 0);
  const context = [(type === 'b' ? 1 : 2) | (bits << 16), major, minor];
  const registers: (number | undefined)[] = Array.from({ length: 11 });
  const CONTEXT = 1;
  const read = (index: number): number => {
    const value = registers[index];
    if (value === undefined) throw new Error(`register ${index} is read before it is written`);
    return value;
  };
  for (let at = 0; ; at++) {
    if (at * 8 >= program.length) throw new Error('the program runs over its end');
    const opcode = program.readUInt8(at * 8);
    const [to, from] = [program.readUInt8(at * 8 + 1) & 15, program.readUInt8(at * 8 + 1) >> 4];
    const [offset, value] = [program.readInt16LE(at * 8 + 2), program.readInt32LE(at * 8 + 4)];
    switch (opcode) {
      case 0x61:
        if (from !== CONTEXT || context[offset / 4] === undefined) throw new Error(`nothing to load at ${offset}`);
        registers[to] = context[offset / 4];
        break;
      case 0xbc:
        registers[to] = read(from);
        break;
      case 0xb4:
        registers[to] = value;
        break;
      case 0x54:
        registers[to] = read(to) & value;
        break;
      case 0x74:
        registers[to] = read(to) >>> value;
        break;
      case 0x16:
      case 0x56:
        if (offset < 0) throw new Error('a jump back');
        if ((read(to) === value) === (opcode === 0x16)) at += offset;
        break;
      case 0x95:
        return read(0) !== 0;
      default:
        throw new Error(`the opcode ${opcode.toString(16)} is not known`);
    }
  }
}

const numbers = fc.option(fc.constantFrom(0, 1, 2, 5, 255, 4095), { nil: undefined });
const minors = fc.option(fc.constantFrom(0, 1, 3, 1048575), { nil: undefined });
const letters = fc.subarray(['r', 'w', 'm'], { minLength: 1 });

const specific = fc
  .record({
    allow: fc.boolean(),
    type: fc.constantFrom('b' as const, 'c' as const),
    major: numbers,
    minor: minors,
    letters,
  })
  .map(({ allow, type, major, minor, letters: some }): DeviceRule => ({
    allow,
    type,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access: some.join(''),
  }));
const all = fc.boolean().map((allow): DeviceRule => ({ allow, type: 'a', access: 'rwm' }));
const rules = fc.array(fc.oneof({ weight: 6, arbitrary: specific }, { weight: 1, arbitrary: all }), { maxLength: 12 });

const access: fc.Arbitrary<Access> = fc.record({
  type: fc.constantFrom('b' as const, 'c' as const),
  major: fc.constantFrom(0, 1, 2, 5, 255, 4095),
  minor: fc.constantFrom(0, 1, 3, 1048575),
  letters,
});

test('the program answers as cgroup v1 would after the same rules', (t) => {
  fc.assert(
    fc.property(rules, fc.array(access, { minLength: 1, maxLength: 20 }), (given, wanted) => {
      const controller = new DevicesController();
      for (const rule of given) controller.write(rule);
      const program = buildDeviceFilter(given);
      for (const each of wanted) t.is(run(program, each), controller.allows(each), JSON.stringify([given, each]));
    }),
    { numRuns: 1000 },
  );
});

const open = (type: 'b' | 'c', major: number, minor: number, ...some: string[]): Access => ({
  type,
  major,
  minor,
  letters: some,
});

test('a container may use the harmless devices, and make any', (t) => {
  const program = buildDeviceFilter([{ allow: false, type: 'a', access: 'rwm' }, ...DEFAULT_DEVICE_RULES]);
  for (const [major, minor] of [
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 1],
    [5, 2],
    [136, 0],
    [136, 77],
  ] as const) {
    t.true(run(program, open('c', major, minor, 'r', 'w')), `${major}:${minor}`);
  }
  t.true(run(program, open('b', 8, 0, 'm')));
  t.false(run(program, open('b', 8, 0, 'r')));
  t.false(run(program, open('c', 1, 1, 'r')), '/dev/mem');
  t.false(run(program, open('c', 10, 229, 'r')));
});

test('without rules everything is allowed, as in a new cgroup of v1', (t) => {
  t.true(run(buildDeviceFilter([]), open('b', 8, 0, 'r', 'w', 'm')));
});

test('a program is whole instructions, and not too many for the monitor', (t) => {
  const many = Array.from({ length: 400 }, (_, index): DeviceRule => ({
    allow: true,
    type: 'c',
    major: index,
    minor: index,
    access: 'r',
  }));
  const program = buildDeviceFilter([{ allow: false, type: 'a', access: 'rwm' }, ...many]);
  t.is(program.length % 8, 0);
  t.true(program.length / 8 <= 4096);
  t.true(run(program, open('c', 399, 399, 'r')));
});
