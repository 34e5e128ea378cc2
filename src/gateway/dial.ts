import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls'
import type { buildConnector } from 'undici'
import { asStintError, StintError } from '../errors.ts'
import { isAllowed, parseAddress } from './addresses.ts'
import { trustContext } from './trust.ts'

/** What a target says about how it may be reached. */
export interface DialSettings {
  /** PEM roots to trust besides the system's. */
  readonly trustedCa?: string | undefined
  /** CIDRs this target may live in although they are not public (G10). */
  readonly privateNetworks: readonly string[]
  /** ALPN protocols, most wanted first; `http/1.1` when absent. */
  readonly alpn?: readonly string[] | undefined
}

/** One connection to make. `host` is a name or an address; IPv6 with or without brackets. */
export interface DialTarget extends DialSettings {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  /** The name to ask for and to verify, when it is not `host`. */
  readonly servername?: string | undefined
}

/** All addresses of a name, in the order to try them. */
export type Resolve = (host: string) => Promise<readonly string[]>

/** The only way out: every socket of the product is opened here. */
export interface Dial {
  /**
   * Connects to an address that was checked, and to no other: the name is resolved once (no DNS rebinding). TLS is 1.2 or
   * later and always verified. Throws `address_refused`, `upstream_failed` or `upstream_timeout`.
   */
  dial(target: DialTarget): Promise<Socket | TLSSocket>
  /**
   * TLS over a connection that `dial` made, for protocols that begin in the clear, verified as `dial` verifies it. When it fails the
   * connection is gone. Throws `upstream_failed` or `upstream_timeout`.
   */
  secure(connection: Duplex, target: Pick<DialTarget, 'host' | 'trustedCa' | 'alpn'>): Promise<TLSSocket>
  /** The same as an undici connector, so that pools open no socket elsewhere. */
  connector(settings: DialSettings): buildConnector.connector
}

/** Makes the way out. One `connectTimeoutMs` covers resolving, connecting and the TLS handshake together. */
export function createDial(options: { resolve?: Resolve; connectTimeoutMs: number }): Dial {
  const resolve = options.resolve ?? resolveOnce
  async function dial(target: DialTarget): Promise<Socket | TLSSocket> {
    const deadline = AbortSignal.timeout(options.connectTimeoutMs)
    const host = target.host.replace(/^\[|\]$/g, '')
    const addresses = await within(deadline, allowedAddresses(resolve, host, target.privateNetworks), `resolving ${host}`)
    return connectFirst(addresses, host, target, deadline, options.connectTimeoutMs)
  }
  return {
    dial,
    secure: (connection, target) => secure(connection, target, options.connectTimeoutMs),
    connector: (settings) => connectorOver(dial, settings),
  }
}

async function resolveOnce(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, order: 'verbatim' })
  return found.map(({ address }) => address)
}

/** The addresses that were checked. Those a target may not live at are left out, and refused when no other is left. */
async function allowedAddresses(resolve: Resolve, host: string, privateNetworks: readonly string[]): Promise<readonly string[]> {
  const found =
    isIP(host) === 0 ? await resolve(host).catch((cause: unknown) => unreachable(`${host} cannot be resolved`, cause)) : [host]
  const allowed = [...new Set(found)].filter((address) => isAllowed(address, privateNetworks))
  if (found.length === 0) unreachable(`${host} has no address`)
  if (allowed.length > 0) return allowed
  throw new StintError('address_refused', `${host} is at an address that no target declares`, {
    operatorDetail: `${host} resolved to ${found.join(', ')}`,
  })
}

/** Tries the addresses in turn; each gets its share of the time, so that a silent one does not use it up. */
async function connectFirst(
  addresses: readonly string[],
  host: string,
  target: DialTarget,
  deadline: AbortSignal,
  timeoutMs: number,
): Promise<Socket | TLSSocket> {
  let last: unknown
  for (const address of addresses) {
    const signal =
      addresses.length === 1 ? deadline : AbortSignal.any([deadline, AbortSignal.timeout(timeoutMs / addresses.length)])
    try {
      return await connectOne(address, host, target, signal)
    } catch (thrown) {
      last = thrown
      if (deadline.aborted) break
    }
  }
  if (last instanceof StintError) throw last
  unreachable(`${host}:${target.port} cannot be reached: ${reasonOf(last)}`, last)
}

function connectOne(address: string, host: string, target: DialTarget, signal: AbortSignal): Promise<Socket | TLSSocket> {
  const socket = target.tls ? openTls(address, host, target) : connectTcp({ host: address, port: target.port })
  socket.setNoDelay(true).setKeepAlive(true, 60_000)
  return new Promise((done, fail) => {
    const onTimeout = () => socket.destroy(new StintError('upstream_timeout', `${host}:${target.port} did not answer in time`))
    const onReady = () => {
      settle()
      if (isSameAddress(socket.remoteAddress, address)) return done(socket)
      socket.on('error', () => {}).destroy()
      fail(new StintError('address_refused', `${host} answered from another address than the one that was checked`))
    }
    const onError = (thrown: unknown) => {
      settle()
      socket.on('error', () => {}).destroy()
      fail(thrown)
    }
    const onClose = () => onError(new StintError('upstream_failed', `${host}:${target.port} closed the connection`))
    const settle = () => {
      signal.removeEventListener('abort', onTimeout)
      socket.off(ready, onReady).off('error', onError).off('close', onClose)
    }
    const ready = target.tls ? 'secureConnect' : 'connect'
    socket.on(ready, onReady).on('error', onError).on('close', onClose)
    if (signal.aborted) onTimeout()
    else signal.addEventListener('abort', onTimeout)
  })
}

function openTls(address: string, host: string, target: DialTarget): TLSSocket {
  const verified = verifiedAs(target.servername || host, target.trustedCa)
  return connectTls({ host: address, port: target.port, ...verified, ALPNProtocols: [...(target.alpn ?? ['http/1.1'])] })
}

function verifiedAs(name: string, trustedCa: string | undefined): ConnectionOptions {
  return {
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    secureContext: trustContext(trustedCa),
    rejectUnauthorized: true,
  }
}

async function secure(
  connection: Duplex,
  { host, trustedCa, alpn = [] }: Pick<DialTarget, 'host' | 'trustedCa' | 'alpn'>,
  timeoutMs: number,
): Promise<TLSSocket> {
  const socket = connectTls({ socket: connection, ...verifiedAs(host, trustedCa), ALPNProtocols: [...alpn] })
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    await once(socket, 'secureConnect', { signal: deadline })
    return socket
  } catch (thrown) {
    for (const one of [socket, connection]) one.on('error', () => {}).destroy()
    if (deadline.aborted) throw new StintError('upstream_timeout', `${host} did not agree on TLS in time`)
    unreachable(`${host} cannot be spoken to over TLS: ${reasonOf(thrown)}`, thrown)
  }
}

function isSameAddress(actual: string | undefined, pinned: string): boolean {
  const a = parseAddress(actual ?? '')
  const b = parseAddress(pinned)
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0
}

async function within<T>(deadline: AbortSignal, work: Promise<T>, step: string): Promise<T> {
  let onAbort = () => {}
  const late = new Promise<never>((_, fail) => {
    onAbort = () => fail(new StintError('upstream_timeout', `${step} took too long`))
    deadline.addEventListener('abort', onAbort)
  })
  return Promise.race([work, late]).finally(() => deadline.removeEventListener('abort', onAbort))
}

/** The origin's own name is asked for and verified: `servername` follows the Host field of a request, which was not checked. */
function connectorOver(dial: Dial['dial'], settings: DialSettings): buildConnector.connector {
  return (options, callback) => {
    if (options.socketPath || options.httpSocket) {
      callback(new StintError('internal', 'only hosts are dialled'), null)
      return
    }
    const tls = options.protocol === 'https:'
    const port = Number(options.port) || (tls ? 443 : 80)
    dial({ ...settings, host: options.hostname, port, tls }).then(
      (socket) => callback(null, socket),
      (thrown: unknown) => callback(asStintError(thrown), null),
    )
  }
}

function reasonOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'code' in thrown) return String(thrown.code)
  return thrown instanceof Error ? thrown.message : 'unknown'
}

function unreachable(detail: string, cause?: unknown): never {
  throw new StintError('upstream_failed', detail, { cause })
}
