import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { StintError } from '../errors.ts'
import { type CaFiles, openCaFiles } from './ca-files.ts'
import { makeCaCertificate, makeLeafCertificate, type Signer } from './certificate.ts'

/** The certificate authority of this installation: its clients trust it, so that TLS can be read here and nowhere else. */
export interface Ca {
  /** Public; clients are told to trust it. */
  readonly certificatePem: string
  /** A TLS 1.2+ context with a leaf for exactly this host (name or address), which must be canonical. */
  contextFor(host: string): Promise<SecureContext>
}

const NAME = 'Stint local CA'
const DAY_MS = 86_400_000
const CA_DAYS = 3650
const LEAF_DAYS = 7
const RENEW_DAYS = 5
const MAX_LEAVES = 256

/**
 * Opens the CA in `dir` (`ca.key`, `ca.pem`), making it at first. Throws `state_unsafe` when the key can be read by others or
 * the pair is not one that Stint made.
 */
export async function openCa(dir: string, options: { now(): number }): Promise<Ca> {
  const { certificatePem, keyPem } = await openCaFiles(dir, () => makeCa(options.now()))
  const signer = readSigner(certificatePem, keyPem)
  const leafKeys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const makeLeaf = (host: string) => leafFor(host, signer, leafKeys.publicKey, options.now())
  refuseForeign(certificatePem)
  const key = privatePem(leafKeys.privateKey)
  const makeContext = async (host: string) =>
    createSecureContext({ key, cert: (await makeLeaf(host)) + certificatePem, minVersion: 'TLSv1.2' })
  return { certificatePem, contextFor: createCache(makeContext, options.now) }
}

/**
 * Keeps contexts until their leaf is to be renewed, at most MAX_LEAVES: the one used longest ago goes first, so that a client
 * asking for ever new names cannot fill the memory. Whoever asks while one is made waits for the same one.
 */
function createCache(makeContext: (host: string) => Promise<SecureContext>, now: () => number): Ca['contextFor'] {
  const kept = new Map<string, { context: Promise<SecureContext>; renewAt: number }>()
  return (host) => {
    const name = host.replace(/^\[|\]$/g, '')
    const known = kept.get(name)
    const fresh = known !== undefined && now() < known.renewAt
    const one = fresh ? known : { context: makeContext(name), renewAt: now() + RENEW_DAYS * DAY_MS }
    if (!fresh) one.context.catch(() => kept.delete(name))
    kept.delete(name)
    const [oldest] = kept.keys()
    if (kept.size >= MAX_LEAVES && oldest !== undefined) kept.delete(oldest)
    kept.set(name, one)
    return one.context
  }
}

/** Backdated by a day, for clients whose clock is behind. */
async function makeCa(now: number): Promise<CaFiles> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const commonName = `${NAME} ${randomBytes(6).toString('hex')}`
  const certificatePem = await makeCaCertificate({ commonName, ...keys }, { from: now - DAY_MS, to: now + CA_DAYS * DAY_MS })
  return { certificatePem, keyPem: privatePem(keys.privateKey) }
}

/**
 * All leaves share one key that lives in this process only: whoever could read one could read them all, and a key for each
 * host would cost its making on the first connection.
 */
function leafFor(host: string, signer: Signer, publicKey: KeyObject, now: number): Promise<string> {
  return makeLeafCertificate(signer, publicKey, host, { from: now - DAY_MS, to: now + LEAF_DAYS * DAY_MS })
}

function readSigner(certificatePem: string, keyPem: string): Signer {
  const privateKey = createPrivateKey(keyPem)
  const commonName = new X509Certificate(certificatePem).subject.replace(/^CN=/, '')
  return { commonName, privateKey, publicKey: createPublicKey(privateKey) }
}

function refuseForeign(certificatePem: string): void {
  const ca = new X509Certificate(certificatePem)
  const isOurs = new RegExp(`^CN=${NAME} [0-9a-f]{12}$`).test(ca.subject) && ca.issuer === ca.subject
  if (ca.ca && isOurs && ca.verify(ca.publicKey)) return
  throw new StintError('state_unsafe', 'ca.pem is not a certificate that Stint made; remove ca.pem and ca.key to make a new CA')
}

function privatePem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
