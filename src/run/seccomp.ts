/** What the filter needs to know of a processor: its AUDIT_ARCH value and system call numbers (linux/audit.h, asm/unistd.h). */
interface Architecture {
  readonly audit: number
  readonly ioctl: number
  readonly socket: readonly number[]
  readonly denied: readonly number[]
}

const IO_URING = [425, 426, 427]

/** `socket`: socket and socketpair. `denied`: the kernel's keyrings, which no namespace separates, and io_uring, which evades filters. */
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  x64: { audit: 0xc000003e, ioctl: 16, socket: [41, 53], denied: [248, 249, 250, ...IO_URING] },
  arm64: { audit: 0xc00000b7, ioctl: 29, socket: [198, 199], denied: [217, 218, 219, ...IO_URING] },
}

/** TIOCSTI and TIOCLINUX: they type into the terminal that the operator goes on using afterwards. */
const TERMINAL_INJECTION = [0x5412, 0x541c]
/** Unix, IPv4, IPv6, netlink. Others (vsock to a hypervisor, Bluetooth) are not all separated by a network namespace. */
const FAMILIES = [1, 2, 10, 16]

const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97

/** A classic BPF instruction: code, jump if true, jump if false, value (seccomp(2)). */
type Instruction = readonly [code: number, jt: number, jf: number, k: number]

const load = (offset: number): Instruction => [0x20, 0, 0, offset]
const equal = (k: number, jt: number, jf: number): Instruction => [0x15, jt, jf, k]
const atLeast = (k: number, jt: number, jf: number): Instruction => [0x35, jt, jf, k]
const fail = (errno: number): Instruction => [0x06, 0, 0, 0x00050000 | errno]
const ALLOW: Instruction = [0x06, 0, 0, 0x7fff0000]
const NUMBER = load(0)
const ARCH = load(4)
const FIRST = load(16)
const SECOND = load(24)
/** Numbers from here on are the x32 ABI: the same calls under other numbers. */
const X32 = 0x40000000

/**
 * The system call filter of the sandbox, as bubblewrap's --seccomp takes it; undefined for a processor it does not know. Calls of
 * another architecture's ABI fail with ENOSYS, since the filter could not read them.
 */
export function systemCallFilter(architecture: NodeJS.Architecture): Buffer | undefined {
  const known = ARCHITECTURES[architecture]
  if (known === undefined) return undefined
  return Buffer.concat(
    [
      ...[ARCH, equal(known.audit, 1, 0), fail(ENOSYS), NUMBER, atLeast(X32, 0, 1), fail(ENOSYS)],
      ...known.denied.flatMap((call) => [equal(call, 0, 1), fail(ENOSYS)]),
      ...onCall(known.ioctl, [SECOND, ...TERMINAL_INJECTION.flatMap((request) => [equal(request, 0, 1), fail(EPERM)]), ALLOW]),
      ...known.socket.flatMap((call) =>
        onCall(call, [FIRST, ...FAMILIES.flatMap((one) => [equal(one, 0, 1), ALLOW]), fail(EAFNOSUPPORT)]),
      ),
      ALLOW,
    ].map(encode),
  )
}

/** Runs `then`, which must end the filter, when the call is `number`. */
function onCall(number: number, then: readonly Instruction[]): Instruction[] {
  return [equal(number, 0, then.length), ...then]
}

function encode([code, jt, jf, k]: Instruction): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16LE(code)
  bytes.writeUInt8(jt, 2)
  bytes.writeUInt8(jf, 3)
  bytes.writeUInt32LE(k >>> 0, 4)
  return bytes
}
