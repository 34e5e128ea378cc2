import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { StintError } from '../errors.ts'

/** What is not public: only networks inside these can be opened, so that no entry can open everything (G10). */
const PRIVATE: readonly (readonly [address: string, bits: number])[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['168.63.129.16', 32],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
]

/** A private, loopback or link-local network, `10.1.0.0/16`, with no bits beyond its prefix. Throws `invalid_argument`. */
export function checkNetwork(text: string): string {
  const [address = '', prefix = '', ...rest] = text.split('/')
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) && !address.includes('%') ? 'ipv6' : undefined
  if (family === undefined || rest.length > 0 || !/^[0-9]{1,3}$/.test(prefix))
    throw refused(text, 'write it like 10.1.0.0/16 or fd00::/8')
  const bits = Number(prefix)
  if (bits > (family === 'ipv4' ? 32 : 128)) throw refused(text, 'its prefix is too long')
  if (!isStart(address, bits, family)) throw refused(text, 'it has bits set beyond its prefix')
  if (!PRIVATE.some(([wide, wideBits]) => bits >= wideBits && inside(wide, wideBits, address, family))) {
    throw refused(text, 'it is not inside a private, loopback or link-local network; public addresses need no entry')
  }
  return text.toLowerCase()
}

function inside(wide: string, bits: number, address: string, family: 'ipv4' | 'ipv6'): boolean {
  if (isIPv4(wide) !== (family === 'ipv4')) return false
  const list = new BlockList()
  list.addSubnet(wide, bits, family)
  return list.check(address, family)
}

function isStart(address: string, bits: number, family: 'ipv4' | 'ipv6'): boolean {
  const value = family === 'ipv4' ? ofIpv4(address) : ofIpv6(address)
  const free = BigInt((family === 'ipv4' ? 32 : 128) - bits)
  return (value >> free) << free === value
}

function ofIpv4(address: string): bigint {
  return address.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
}

/** By way of the URL parser, which writes every group as hexadecimal (RFC 5952). */
function ofIpv6(address: string): bigint {
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = new Array<string>(8 - first.length - last.length).fill('0')
  return [...first, ...zeros, ...last].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

function refused(text: string, why: string): StintError {
  return new StintError('invalid_argument', `network ${JSON.stringify(text.slice(0, 100))}: ${why}`)
}
