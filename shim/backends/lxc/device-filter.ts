import type { DeviceRule } from '../../oci/spec.ts';

/**
 * A BPF program of type CGROUP_DEVICE that decides as the devices controller of cgroup v1 would after the same rules:
 * a behaviour for all devices, and exceptions from it (kernel: security/device_cgroup.c). Instructions are 8 bytes:
 * opcode, registers (source << 4 | destination), offset, immediate (kernel: Documentation/bpf/standardization).
 */
export function buildDeviceFilter(rules: readonly DeviceRule[]): Buffer {
  const { allowByDefault, exceptions } = simulate(rules);
  const program = [
    // r1 is the context: {u32 access_type; u32 major; u32 minor}. The type is in the low half, the access in the high.
    loadWord(R_TYPE, 0),
    moveRegister(R_ACCESS, R_TYPE),
    immediate(OP_AND32, R_TYPE, 0xffff),
    immediate(OP_RSH32, R_ACCESS, 16),
    loadWord(R_MAJOR, 4),
    loadWord(R_MINOR, 8),
    ...exceptions.flatMap((exception) => exceptionBlock(exception, allowByDefault)),
    ...answer(allowByDefault),
  ];
  return Buffer.concat(program);
}

/** `r`, `w`, `m` as BPF_DEVCG_ACC_*. */
const ACCESS_BITS = { m: 1, r: 2, w: 4 } as const;
/** BPF_DEVCG_DEV_*. */
const TYPE_BLOCK = 1;
const TYPE_CHARACTER = 2;

interface DeviceException {
  readonly type: number;
  readonly major: number | undefined;
  readonly minor: number | undefined;
  readonly access: number;
}

interface Behaviour {
  readonly allowByDefault: boolean;
  readonly exceptions: readonly DeviceException[];
}

/** What the kernel would have after the rules were written to devices.allow and devices.deny, in order. */
function simulate(rules: readonly DeviceRule[]): Behaviour {
  let allowByDefault = true;
  const exceptions = new Map<string, DeviceException>();
  for (const { allow, type, major, minor, access } of rules) {
    if (type === 'a') {
      allowByDefault = allow;
      exceptions.clear();
      continue;
    }
    const kind = type === 'c' ? TYPE_CHARACTER : TYPE_BLOCK;
    const bits = access.split('').reduce((sum, letter) => sum | ACCESS_BITS[letter as keyof typeof ACCESS_BITS], 0);
    const key = `${kind} ${major ?? '*'}:${minor ?? '*'}`;
    const before = exceptions.get(key)?.access ?? 0;
    // An exception from the behaviour is added to what is excepted; a rule like the behaviour takes from it.
    const after = allow === allowByDefault ? before & ~bits : before | bits;
    if (after === 0) exceptions.delete(key);
    else exceptions.set(key, { type: kind, major, minor, access: after });
  }
  return { allowByDefault, exceptions: [...exceptions.values()] };
}

/** If the exception matches, answers the opposite of the behaviour; else goes on behind it. */
function exceptionBlock({ type, major, minor, access }: DeviceException, allowByDefault: boolean): Buffer[] {
  // Under "deny" an exception must cover the whole access that is asked for; under "allow" any part of it suffices.
  const remainder = allowByDefault ? access : ~access & 7;
  const tests: ((jump: number) => Buffer[])[] = [
    (jump) => [jumpImmediate(OP_JNE32, R_TYPE, type, jump)],
    (jump) => [
      moveRegister(R_SCRATCH, R_ACCESS),
      immediate(OP_AND32, R_SCRATCH, remainder),
      jumpImmediate(allowByDefault ? OP_JEQ32 : OP_JNE32, R_SCRATCH, 0, jump),
    ],
  ];
  if (major !== undefined) tests.push((jump) => [jumpImmediate(OP_JNE32, R_MAJOR, major, jump)]);
  if (minor !== undefined) tests.push((jump) => [jumpImmediate(OP_JNE32, R_MINOR, minor, jump)]);
  // Built from the end: each test jumps over all that follows it in the block.
  return tests.reduceRight<Buffer[]>((rest, test) => [...test(rest.length), ...rest], answer(!allowByDefault));
}

const R_RESULT = 0;
const R_CONTEXT = 1;
const R_TYPE = 2;
const R_ACCESS = 3;
const R_MAJOR = 4;
const R_MINOR = 5;
const R_SCRATCH = 6;

const OP_LDX_WORD = 0x61;
const OP_MOV32_REGISTER = 0xbc;
const OP_MOV32 = 0xb4;
const OP_AND32 = 0x54;
const OP_RSH32 = 0x74;
const OP_JEQ32 = 0x16;
const OP_JNE32 = 0x56;
const OP_EXIT = 0x95;

function instruction(opcode: number, registers: number, offset: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt8(opcode, 0);
  bytes.writeUInt8(registers, 1);
  bytes.writeInt16LE(offset, 2);
  bytes.writeInt32LE(value | 0, 4);
  return bytes;
}

const loadWord = (to: number, offset: number) => instruction(OP_LDX_WORD, (R_CONTEXT << 4) | to, offset, 0);
const moveRegister = (to: number, from: number) => instruction(OP_MOV32_REGISTER, (from << 4) | to, 0, 0);
const immediate = (opcode: number, register: number, value: number) => instruction(opcode, register, 0, value);
const jumpImmediate = (opcode: number, register: number, value: number, by: number) =>
  instruction(opcode, register, by, value);
const answer = (allow: boolean) => [immediate(OP_MOV32, R_RESULT, allow ? 1 : 0), instruction(OP_EXIT, 0, 0, 0)];
