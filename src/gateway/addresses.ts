import { isIPv4, isIPv6 } from 'node:net'
import { StintError } from '../errors.ts'

/** Why an address is not one a target may live at, or `public`. */
export type AddressKind =
  | 'public'
  | 'metadata'
  | 'loopback'
  | 'link-local'
  | 'private'
  | 'multicast'
  | 'broadcast'
  | 'unspecified'
  | 'documentation'
  | 'benchmarking'
  | 'reserved'

/** A network: its first address as bytes (4 or 16), and how many leading bits count. */
interface Network {
  readonly bytes: Uint8Array
  readonly bits: number
}

/** Services that hand out credentials to whoever can reach them. Only an exact entry in `privateNetworks` opens one. */
const METADATA = [
  '169.254.169.254', // most clouds
  '169.254.169.253', // AWS resolver
  '169.254.170.2', // AWS ECS
  '169.254.170.23', // AWS EKS
  '169.254.0.23', // Tencent
  '169.254.42.42', // Scaleway
  '100.100.100.200', // Alibaba
  '168.63.129.16', // Azure host
  '192.0.0.192', // Oracle, classic
  'fd00:ec2::254', // AWS
  'fd00:ec2::253', // AWS resolver
  'fd00:ec2::23', // AWS EKS
  'fd20:ce::254', // Google
  'fd00:42::42', // Scaleway
  'fd00:c1::a9fe:a9fe', // Oracle
]

/** The IANA special-purpose registries (RFC 6890 and its updates); the first that contains an address names it. */
const SPECIAL: readonly (readonly [cidr: string, kind: AddressKind])[] = [
  ...METADATA.map((address) => [`${address}/${address.includes(':') ? 128 : 32}`, 'metadata'] as const),
  ['255.255.255.255/32', 'broadcast'],
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'private'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', 'reserved'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'benchmarking'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['64:ff9b::/96', 'public'],
  ['fe80::/10', 'link-local'],
  ['fec0::/10', 'private'],
  ['fc00::/7', 'private'],
  ['ff00::/8', 'multicast'],
  ['2001:db8::/32', 'documentation'],
  ['2001:2::/48', 'benchmarking'],
  ['2001::/23', 'reserved'],
  ['2002::/16', 'reserved'],
  ['3fff::/20', 'documentation'],
  ['2000::/3', 'public'],
  ['::/0', 'reserved'],
]

/** Networks whose addresses carry an IPv4 address: where it starts, and whether its bits are flipped. */
const EMBEDDING: readonly (readonly [cidr: string, at: number, flipped: boolean])[] = [
  ['::/96', 12, false],
  ['64:ff9b::/96', 12, false],
  ['64:ff9b:1::/48', 12, false],
  ['2002::/16', 2, false],
  ['2001::/32', 4, false],
  ['2001::/32', 12, true],
]

const special = SPECIAL.map(([cidr, kind]) => ({ network: parseCidr(cidr), kind }))
const embedding = EMBEDDING.map(([cidr, at, flipped]) => ({ network: parseCidr(cidr), at, flipped }))

/** What kind of address this is; text that is not an address is `reserved`. An embedded IPv4 address counts as itself. */
export function classify(address: string): AddressKind {
  const bytes = parseAddress(address)
  return bytes === undefined ? 'reserved' : classifyBytes(bytes)
}

function classifyBytes(bytes: Uint8Array): AddressKind {
  const own = special.find(({ network }) => contains(network, bytes))?.kind ?? 'public'
  if (bytes.length === 4 || own === 'metadata') return own
  const inner = embeddedIn(bytes).map(classifyBytes)
  if (inner.includes('metadata')) return 'metadata'
  return own === 'public' ? (inner.find((kind) => kind !== 'public') ?? own) : own
}

function embeddedIn(bytes: Uint8Array): Uint8Array[] {
  const found = embedding
    .filter(({ network }) => contains(network, bytes))
    .map(({ at, flipped }) => bytes.slice(at, at + 4).map((byte) => (flipped ? byte ^ 0xff : byte)))
  return isIsatap(bytes) ? [...found, bytes.slice(12)] : found
}

/** RFC 5214, section 6.1: the interface identifier `0000:5efe` or `0200:5efe`, then an IPv4 address. */
function isIsatap(bytes: Uint8Array): boolean {
  return (bytes[8] === 0 || bytes[8] === 2) && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe
}

/**
 * True when a target may live at this address: a public one, or one inside `privateNetworks`. A metadata address only by an
 * entry for that address alone. Throws `invalid_argument` for an entry that is not a CIDR.
 */
export function isAllowed(address: string, privateNetworks: readonly string[]): boolean {
  const bytes = parseAddress(address)
  if (bytes === undefined) return false
  const kind = classifyBytes(bytes)
  if (kind === 'public') return true
  return privateNetworks.map(parseCidr).some((network) => {
    const isExact = network.bits === network.bytes.length * 8
    return (isExact || kind !== 'metadata') && contains(network, bytes)
  })
}

/** The bytes of an address without zone; an IPv4-mapped one as IPv4. Undefined for anything else. */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number)
  if (!isIPv6(text) || text.includes('%')) return undefined
  const bytes = parseIpv6(text)
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  return isMapped ? bytes.slice(12) : bytes
}

function parseIpv6(text: string): Uint8Array {
  const dotted = text.lastIndexOf('.') === -1 ? '' : text.slice(text.lastIndexOf(':') + 1)
  const plain = dotted === '' ? text : text.slice(0, -dotted.length) + asGroups(dotted)
  const [head = '', tail] = plain.split('::')
  const first = groupsOf(head)
  const last = groupsOf(tail ?? '')
  const zeros = new Array<number>(8 - first.length - last.length).fill(0)
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]))
}

function asGroups(dotted: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}

/** Reads `10.0.0.0/8`, `fd00::/8` or a bare address. Throws `invalid_argument`. */
export function parseCidr(text: string): Network {
  const [address = '', length, ...rest] = text.split('/')
  const bytes = parseAddress(address)
  if (bytes === undefined || rest.length > 0) throw new StintError('invalid_argument', `${text} is not a network like 10.0.0.0/8`)
  const max = bytes.length * 8
  const bits = length === undefined ? max : /^[0-9]{1,3}$/.test(length) ? Number(length) : -1
  if (bits < 0 || bits > max) throw new StintError('invalid_argument', `${text} has no prefix length from 0 to ${max}`)
  return { bytes, bits }
}

/** True when the leading bits are the same. IPv4 and IPv6 never contain each other. */
function contains(network: Network, bytes: Uint8Array): boolean {
  if (network.bytes.length !== bytes.length) return false
  const whole = network.bits >> 3
  for (let i = 0; i < whole; i++) if (network.bytes[i] !== bytes[i]) return false
  const rest = network.bits & 7
  if (rest === 0) return true
  const mask = 0xff & (0xff << (8 - rest))
  return ((network.bytes[whole] ?? 0) & mask) === ((bytes[whole] ?? 0) & mask)
}
