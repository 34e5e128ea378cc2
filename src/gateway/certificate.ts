import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'
import { parseAddress } from './addresses.ts'
import { bitString, element, integer, octetString, oid, sequence, TRUE, time, utf8String } from './der.ts'

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

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const COMMON_NAME = oid('2.5.4.3')
const SERVER_AUTH = oid('1.3.6.1.5.5.7.3.1')
const EXTENSION = {
  subjectKeyIdentifier: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  subjectAltName: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  authorityKeyIdentifier: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
} as const

/** A self-signed CA certificate (PEM) that may sign leaves and nothing else: path length 0, certificate signing only. */
export function makeCaCertificate(ca: Signer, validity: Validity): string {
  return makeCertificate(ca, nameOf(ca.commonName), ca.publicKey, validity, [
    extension('basicConstraints', sequence(TRUE, integer(Buffer.from([0]))), true),
    extension('keyUsage', bitString(Buffer.from([0x04]), 2), true), // keyCertSign
    extension('subjectKeyIdentifier', octetString(keyIdentifier(ca.publicKey))),
  ])
}

/** A server certificate (PEM) for exactly one host, name or address. The subject is empty, so the SAN is critical (RFC 5280, section 4.1.2.6). */
export function makeLeafCertificate(ca: Signer, publicKey: KeyObject, host: string, validity: Validity): string {
  return makeCertificate(ca, sequence(), publicKey, validity, [
    extension('basicConstraints', sequence(), true),
    extension('keyUsage', bitString(Buffer.from([0x80]), 7), true), // digitalSignature
    extension('extendedKeyUsage', sequence(SERVER_AUTH)),
    extension('subjectKeyIdentifier', octetString(keyIdentifier(publicKey))),
    extension('authorityKeyIdentifier', sequence(element(0x80, keyIdentifier(ca.publicKey)))),
    extension('subjectAltName', sequence(generalName(host)), true),
  ])
}

function makeCertificate(
  issuer: Signer,
  subject: Buffer,
  publicKey: KeyObject,
  validity: Validity,
  extensions: Buffer[],
): string {
  const body = sequence(
    element(0xa0, integer(Buffer.from([2]))), // version 3
    integer(serialNumber()),
    ECDSA_WITH_SHA256,
    nameOf(issuer.commonName),
    sequence(time(validity.from), time(validity.to)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(...extensions)),
  )
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, issuer.privateKey)))
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function nameOf(commonName: string): Buffer {
  return sequence(element(0x31, sequence(COMMON_NAME, utf8String(commonName))))
}

function extension(name: keyof typeof EXTENSION, value: Buffer, isCritical = false): Buffer {
  return sequence(EXTENSION[name], ...(isCritical ? [TRUE] : []), octetString(value))
}

function generalName(host: string): Buffer {
  if (isIP(host) === 0) return element(0x82, Buffer.from(host, 'ascii'))
  return element(0x87, Buffer.from(parseAddress(host) ?? []))
}

/** RFC 7093, section 2, method 4: the first 160 bits of the SHA-256 of the whole key. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)
}

/** 127 random bits, positive and without leading zeros (RFC 5280, section 4.1.2.2). */
function serialNumber(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return bytes
}
