import { type KeyObject, randomBytes, type webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type { Extension } from '@peculiar/x509'

/** Who signs: the common name of the issuer's certificate, and its keys (P-256). */
export interface Signer {
  readonly commonName: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** Epoch milliseconds. */
export interface Validity {
  readonly from: number
  readonly to: number
}

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A self-signed CA certificate (PEM) that may sign leaves and nothing else: path length 0, certificate signing only. */
export async function makeCaCertificate(ca: Signer, validity: Validity): Promise<string> {
  const x509 = await load()
  const key = publicCryptoKey(ca.publicKey)
  return make(ca, `CN=${ca.commonName}`, key, validity, [
    new x509.BasicConstraintsExtension(true, 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    await x509.SubjectKeyIdentifierExtension.create(key),
  ])
}

/** A server certificate (PEM) for exactly one host, name or address. The subject is empty, so the SAN is critical (RFC 5280, section 4.1.2.6). */
export async function makeLeafCertificate(ca: Signer, publicKey: KeyObject, host: string, validity: Validity): Promise<string> {
  const x509 = await load()
  const key = publicCryptoKey(publicKey)
  return make(ca, '', key, validity, [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    await x509.SubjectKeyIdentifierExtension.create(key),
    await x509.AuthorityKeyIdentifierExtension.create(publicCryptoKey(ca.publicKey)),
    new x509.SubjectAlternativeNameExtension([{ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }], true),
  ])
}

type X509 = typeof import('@peculiar/x509')

/** When the first certificate is made, and not before: the library costs 20 MB, and most of an installation's life needs none of it. */
async function load(): Promise<X509> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

async function make(
  issuer: Signer,
  subject: string,
  publicKey: webcrypto.CryptoKey,
  { from, to }: Validity,
  extensions: Extension[],
): Promise<string> {
  const { X509CertificateGenerator } = await load()
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: `CN=${issuer.commonName}`,
    notBefore: new Date(from),
    notAfter: new Date(to),
    signingAlgorithm: ECDSA,
    publicKey,
    signingKey: issuer.privateKey.toCryptoKey(ECDSA, false, ['sign']),
    extensions,
  })
  return `${certificate.toString('pem')}\n`
}

function publicCryptoKey(key: KeyObject): webcrypto.CryptoKey {
  return key.toCryptoKey(ECDSA, true, ['verify'])
}

/** 127 random bits, positive and without leading zeros (RFC 5280, section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes.toString('hex')
}
