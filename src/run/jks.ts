import { createHash } from 'node:crypto'

/**
 * A Java KeyStore, version 2, that trusts these certificates (PEM). Every JDK reads it. The digest is the format's own, an
 * integrity check and no secret: SHA-1 over the password (UTF-16BE), a fixed phrase and the content.
 */
export function javaKeyStore(certificates: readonly string[], password: string): Buffer {
  const entries = certificates.map((pem, at) => trustedEntry(`stint-${at}`, fromPem(pem)))
  const content = Buffer.concat([Buffer.from('feedfeed', 'hex'), int32(2), int32(entries.length), ...entries])
  const wide = Buffer.from(password, 'utf16le').swap16()
  const digest = createHash('sha1').update(wide).update('Mighty Aphrodite').update(content).digest()
  return Buffer.concat([content, digest])
}

const TRUSTED_CERTIFICATE = 2

function fromPem(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
}

function trustedEntry(alias: string, der: Buffer): Buffer {
  const noDate = Buffer.alloc(8)
  return Buffer.concat([int32(TRUSTED_CERTIFICATE), utf(alias), noDate, utf('X.509'), int32(der.length), der])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function utf(text: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}
