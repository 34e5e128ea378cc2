import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Injection } from '../../src/credentials/connector.ts'
import { sshString, sshUint32 } from '../../src/gateway/ssh-data.ts'
import type { Action, Target } from '../../src/model.ts'
import { Secret } from '../../src/secret.ts'
import { listening, type Rig, readHead, startRig } from './rig.ts'

/** A host key of one type: what a server shows, and what it signs. */
export interface HostKey {
  readonly blob: Buffer
  sign(data: Buffer, algorithm?: string): Buffer
}

const HASHES: Readonly<Record<string, string>> = {
  'rsa-sha2-256': 'sha256',
  'rsa-sha2-512': 'sha512',
  'ssh-rsa': 'sha1',
  'ecdsa-sha2-nistp256': 'sha256',
  'ecdsa-sha2-nistp384': 'sha384',
  'ecdsa-sha2-nistp521': 'sha512',
}

const unpadded = (bytes: Buffer): Buffer =>
  bytes.subarray(
    Math.max(
      0,
      bytes.findIndex((byte) => byte !== 0),
    ),
  )
/** As RFC 4251, section 5 has it: a zero in front of what would be negative. */
const mpint = (bytes: Buffer): Buffer => {
  const plain = unpadded(bytes)
  return (plain[0] ?? 0) > 127 ? sshString(Buffer.of(0), plain) : sshString(plain)
}
const field = (key: KeyObject, name: 'x' | 'y' | 'n' | 'e'): Buffer =>
  Buffer.from(key.export({ format: 'jwk' })[name] ?? '', 'base64url')

export function makeHostKey(type: 'ed25519' | 'rsa' | 'nistp256' | 'nistp384' | 'nistp521' = 'ed25519'): HostKey {
  if (type === 'ed25519') {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    return {
      blob: Buffer.concat([sshString('ssh-ed25519'), sshString(field(publicKey, 'x'))]),
      sign: (data) => Buffer.concat([sshString('ssh-ed25519'), sshString(sign(null, data, privateKey))]),
    }
  }
  if (type === 'rsa') {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    return {
      blob: Buffer.concat([sshString('ssh-rsa'), mpint(field(publicKey, 'e')), mpint(field(publicKey, 'n'))]),
      sign: (data, algorithm = 'rsa-sha2-512') =>
        Buffer.concat([sshString(algorithm), sshString(sign(HASHES[algorithm], data, privateKey))]),
    }
  }
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: type.replace('nistp', 'P-') })
  const name = `ecdsa-sha2-${type}`
  const point = Buffer.concat([Buffer.of(4), field(publicKey, 'x'), field(publicKey, 'y')])
  return {
    blob: Buffer.concat([sshString(name), sshString(type), sshString(point)]),
    sign(data) {
      const halves = sign(HASHES[name], data, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      const [r, s] = [halves.subarray(0, halves.length / 2), halves.subarray(halves.length / 2)]
      return Buffer.concat([sshString(name), sshString(mpint(r), mpint(s))])
    },
  }
}

/** A packet in the clear (RFC 4253, section 6). */
export function packet(payload: Buffer): Buffer {
  const padding = 4 + ((8 - ((payload.length + 9) % 8)) % 8)
  return Buffer.concat([sshUint32(payload.length + 1 + padding), Buffer.of(padding), payload, Buffer.alloc(padding)])
}

/** What a server says until its keys are new. */
export function serverHello(hostKey: HostKey, sessionId: Buffer, reply = 31): Buffer {
  const signed = [sshString(hostKey.blob), sshString(randomBytes(32)), sshString(hostKey.sign(sessionId))]
  return Buffer.concat([
    ...[Buffer.from('hello\r\nSSH-2.0-played\r\n'), packet(Buffer.concat([Buffer.of(20), randomBytes(500)]))],
    ...(reply === 33 ? [packet(Buffer.concat([Buffer.of(31), sshString(randomBytes(256)), sshString(Buffer.of(2))]))] : []),
    ...[packet(Buffer.concat([Buffer.of(reply), ...signed])), packet(Buffer.of(21))],
  ])
}

const certificateKey = generateKeyPairSync('ed25519')
export const CERTIFICATE = Buffer.concat([sshString('ssh-ed25519-cert-v01@openssh.com'), sshString('a certificate of deploy')])
export const certifiedKey = certificateKey.publicKey

function certified(blob = CERTIFICATE.toString('base64')) {
  const pem = String(certificateKey.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { certificate: `ssh-ed25519-cert-v01@openssh.com ${blob} lease_1`, value: new Secret(pem) }
}

/** A login as a client signs it. */
export function login(parts: {
  sessionId: Buffer
  user?: string
  hostKey?: Buffer
  method?: string
  certificate?: Buffer
  service?: string
  message?: number
  signed?: number
  algorithm?: string
}): Buffer {
  const { sessionId, user = 'deploy', hostKey, certificate = CERTIFICATE, service = 'ssh-connection' } = parts
  const method = parts.method ?? (hostKey === undefined ? 'publickey' : 'publickey-hostbound-v00@openssh.com')
  return Buffer.concat([
    ...[sshString(sessionId), Buffer.of(parts.message ?? 50), sshString(user), sshString(service), sshString(method)],
    ...[Buffer.of(parts.signed ?? 1), sshString(parts.algorithm ?? 'ssh-ed25519-cert-v01@openssh.com'), sshString(certificate)],
    ...(hostKey === undefined ? [] : [sshString(hostKey)]),
  ])
}

export const signRequest = (data: Buffer, certificate = CERTIFICATE, flags = 0): Buffer =>
  Buffer.concat([Buffer.of(13), sshString(certificate), sshString(data), sshUint32(flags)])

export const bindRequest = (parts: { hostKey: Buffer; sessionId: Buffer; signature: Buffer; isForwarded?: boolean }): Buffer =>
  Buffer.concat([
    ...[Buffer.of(27), sshString('session-bind@openssh.com'), sshString(parts.hostKey), sshString(parts.sessionId)],
    ...[sshString(parts.signature), Buffer.of(parts.isForwarded ? 1 : 0)],
  ])

/** An open session: what client and server know of it. */
export interface Session {
  readonly socket: Socket
  readonly sessionId: Buffer
  readonly signature: Buffer
}

/** A gateway with one SSH target, whose server is played up to the end of its key exchange and echoes from then on. */
export async function startSsh(t: TestContext, denies: (action: Action) => boolean = () => false) {
  const hostKey = makeHostKey()
  const ids: Buffer[] = []
  const server = createServer((socket) => {
    const sessionId = randomBytes(32)
    ids.push(sessionId)
    socket.on('error', () => {})
    socket.write(serverHello(hostKey, sessionId))
    socket.pipe(socket)
  })
  const port = await listening(server)
  const target: Target = {
    ...{ id: 'build', connector: 'ssh', hosts: [{ scheme: 'ssh', host: 'build.test', port }], labels: [] },
    ...{ environment: 'development', sensitivity: 'internal', privateNetworks: ['127.0.0.0/8'], placement: { kind: 'none' } },
    settings: { principals: ['deploy', 'root'], host_keys: [`ssh-ed25519 ${hostKey.blob.toString('base64')}`] },
  }
  const injections: Injection[] = [{ kind: 'ssh', ...certified() }]
  const rig = await startRig({
    targets: [target],
    denies: (action) => denies(action) || action.resource === 'root',
    connector: playedConnector(target),
    injections,
  })
  t.after(async () => {
    await rig.stop()
    server.close()
  })
  return { rig, hostKey, port, connect: () => connectTo(rig, port), open, agent: () => agentOf(rig), renew }

  /** The lease has another certificate from now on. */
  function renew(): void {
    injections[0] = { kind: 'ssh', ...certified(`${CERTIFICATE.toString('base64').slice(0, -4)}AAAA`) }
  }

  /** Connects, reads the server's part of the key exchange, and answers what a client has of it. */
  async function open(): Promise<Session> {
    const socket = await connectTo(rig, port)
    await once(socket, 'data') // comes in one piece, since it was written in one
    const sessionId = ids.at(-1) ?? Buffer.alloc(0)
    return { socket, sessionId, signature: hostKey.sign(sessionId) } // Ed25519 signs the same data the same way
  }
}

function playedConnector(target: Target): NonNullable<Parameters<typeof startRig>[0]['connector']> {
  return {
    ...{
      kind: 'ssh',
      summary: '',
      schemes: ['ssh'],
      defaultHosts: [],
      defaultPlacement: { kind: 'none' },
      placeholderVariables: [],
    },
    bodyPrefix: () => 0,
    describe() {
      throw new Error('no HTTP')
    },
    describeSession({ user, stage }) {
      if (stage === 'connect') return { id: 'ssh:Connection::open', access: 'read', resource: 'build', parameters: {} }
      const id = stage === 'offer' ? 'ssh:Certificate::offer' : 'ssh:Session::open'
      return { id, access: 'write', resource: user, parameters: {} }
    },
    example: { target, known: [], unknown: [] },
  }
}

async function connectTo(rig: Rig, port: number): Promise<Socket> {
  const socket = await rig.attach()
  socket.write(`CONNECT build.test:${port} HTTP/1.1\r\nHost: build.test:${port}\r\n\r\n`)
  const answer = await readHead(socket)
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(answer)
  return socket.resume()
}

/** A connection to the agent: each message's answer, or undefined when it closed instead. */
export type Ask = (message: Buffer) => Promise<Buffer | undefined>

async function agentOf(rig: Rig): Promise<Ask> {
  const socket = await rig.attach()
  socket.write(
    `GET /.well-known/stint/ssh-agent HTTP/1.1\r\nHost: ${rig.port}\r\nConnection: Upgrade\r\nUpgrade: ssh-agent\r\n\r\n`,
  )
  const answer = await readHead(socket)
  if (!answer.startsWith('HTTP/1.1 101 ')) throw new Error(answer)
  socket.on('error', () => {})
  return (message) => askAgent(socket, sshString(message))
}

/** Writes bytes as they are and reads one message. */
function askAgent(socket: Socket, bytes: Buffer): Promise<Buffer | undefined> {
  return new Promise((done) => {
    let seen = Buffer.alloc(0)
    const look = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      if (seen.length >= 4 && seen.length >= 4 + seen.readUInt32BE()) finish(seen.subarray(4))
    }
    const close = () => finish(undefined)
    const finish = (answer: Buffer | undefined) => {
      socket.off('data', look).off('close', close)
      done(answer)
    }
    if (socket.closed) return close()
    socket.on('data', look).on('close', close).resume().write(bytes)
  })
}
