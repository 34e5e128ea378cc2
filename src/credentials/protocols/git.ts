import { StintError } from '../../errors.ts'

/** What a push asks for, as its command list says it. Whether an update is a fast-forward cannot be known from it. */
export interface Push {
  readonly commands: readonly PushCommand[]
  readonly creates: readonly string[]
  readonly updates: readonly string[]
  readonly deletes: readonly string[]
  readonly options: readonly string[]
  /** What its client understands, such as `report-status` and `side-band-64k`. */
  readonly capabilities: ReadonlySet<string>
}

/** One ref of a push. `from` and `to` are object ids in lower-case hex, all zeros for none. */
export interface PushCommand {
  readonly kind: 'create' | 'update' | 'delete'
  readonly ref: string
  readonly from: string
  readonly to: string
}

const COMMAND = /^(?<from>[0-9a-f]{40}|[0-9a-f]{64}) (?<to>[0-9a-f]{40}|[0-9a-f]{64}) (?<ref>.+)$/s
/** What git check-ref-format refuses: blanks, controls, `..`, `@{`, `~^:?*[\`, and parts that are empty or end with a dot or `.lock`. */
const BAD_REF = /[\p{Cc}\p{Zs}\p{Zl}\p{Zp}~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.(?:\/|$)|\.lock(?:\/|$)|\/$/u
const ZERO = /^0+$/
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads the command list at the front of a `git-receive-pack` request (gitprotocol-pack, "Reference Update Request").
 * Attacker-controlled. `isCut` says that more body follows than was read. Throws `body_too_large` when the list goes on beyond
 * that, `malformed_request` for what is no command list, `unknown_action` for a signed push.
 */
export function readPush(body: Uint8Array, isCut: boolean): Push {
  const packets = readPackets(body, isCut)
  const { commands, capabilities } = readCommands(packets)
  const seen = commands.map(({ ref }) => ref)
  if (new Set(seen).size !== seen.length) throw malformed('a ref is named twice')
  const options = capabilities.has('push-options') ? [...untilFlush(packets)].map(text) : []
  const refsOf = (kind: PushCommand['kind']): string[] => commands.filter((one) => one.kind === kind).map(({ ref }) => ref)
  const [creates, updates, deletes] = [refsOf('create'), refsOf('update'), refsOf('delete')]
  return { commands, creates, updates, deletes, options, capabilities }
}

/** What was read to decide, once more; undefined where it could not be, and was refused then. */
export function tryReadPush(body: Uint8Array = new Uint8Array()): Push | undefined {
  try {
    return readPush(body, true)
  } catch (thrown) {
    if (thrown instanceof StintError) return undefined
    throw thrown
  }
}

/** A packet's content. */
export type Packet = Uint8Array | 'flush'

function readCommands(packets: Iterator<Packet>): { commands: PushCommand[]; capabilities: Set<string> } {
  const commands: PushCommand[] = []
  const capabilities = new Set<string>()
  for (const packet of untilFlush(packets)) {
    const [line = '', after = ''] = splitOnce(text(packet), '\0')
    for (const capability of after.split(' ').filter(Boolean)) capabilities.add(capability)
    if (line.startsWith('push-cert'))
      throw new StintError('unknown_action', 'signed pushes are not understood; push without --signed')
    if (!/^shallow [0-9a-f]{40,64}$/.test(line)) commands.push(readCommand(line))
  }
  return { commands, capabilities }
}

function readCommand(line: string): PushCommand {
  const { from = '', to = '', ref = '' } = COMMAND.exec(line)?.groups ?? {}
  if (from.length === 0 || from.length !== to.length) throw malformed('a line is not a command')
  if (!isRefName(ref)) throw malformed('a ref has no valid name')
  if (ZERO.test(from) && ZERO.test(to)) throw malformed('a command changes nothing')
  return { kind: ZERO.test(from) ? 'create' : ZERO.test(to) ? 'delete' : 'update', ref, from, to }
}

/** True for the whole name of a ref, as git check-ref-format takes it. */
export function isRefName(ref: string): boolean {
  return ref.startsWith('refs/') && ref.length <= 1024 && !BAD_REF.test(ref)
}

function* untilFlush(packets: Iterator<Packet>): Generator<Uint8Array> {
  for (;;) {
    const next = packets.next()
    if (next.done || next.value === 'flush') return
    yield next.value
  }
}

/** Packets one by one, as they are asked for: what follows the command list is a pack, not packets. */
export function* readPackets(body: Uint8Array, isCut: boolean): Generator<Packet> {
  for (let at = 0; ; ) {
    const length = at + 4 <= body.length ? readLength(body.subarray(at, at + 4)) : 4
    const end = at + Math.max(length, 4)
    if (end > body.length || at + 4 > body.length) throw isCut ? tooLarge() : malformed('it ends early')
    yield length === 0 ? 'flush' : body.subarray(at + 4, end)
    at = end
  }
}

function readLength(digits: Uint8Array): number {
  const hex = String.fromCharCode(...digits)
  if (!/^[0-9a-fA-F]{4}$/.test(hex)) throw malformed('a packet has no length')
  const length = Number.parseInt(hex, 16)
  if (length !== 0 && length < 5) throw malformed('a packet has no content')
  return length
}

/** The packet’s text, without the newline that may end it. */
function text(packet: Uint8Array): string {
  try {
    return utf8.decode(packet).replace(/\n$/, '')
  } catch {
    throw malformed('a line is not UTF-8')
  }
}

function splitOnce(line: string, at: string): readonly string[] {
  const index = line.indexOf(at)
  return index === -1 ? [line] : [line.slice(0, index), line.slice(index + 1)]
}

function malformed(why: string): StintError {
  return new StintError('malformed_request', `the push is not a git command list: ${why}`)
}

function tooLarge(): StintError {
  return new StintError('body_too_large', 'the push names more refs than are read to decide; push fewer at once')
}
