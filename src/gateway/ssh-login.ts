import { StintError } from '../errors.ts'
import { createSshReader } from './ssh-data.ts'

/** What a certificate of ours is called, as a key and as an algorithm. */
export const CERTIFICATE_TYPE = 'ssh-ed25519-cert-v01@openssh.com'

/** The session that a login is for, and the key it is with. */
export interface LoginFrame {
  readonly sessionId: Buffer
  readonly hostKey: Buffer
  readonly certificate: Buffer
}

const USERAUTH_REQUEST = 50
/** The second names the host key as well (OpenSSH, PROTOCOL, section 3.1). */
const METHODS = ['publickey', 'publickey-hostbound-v00@openssh.com']

/**
 * Who logs in by data that is to be signed (RFC 4252, section 7). Attacker-controlled. Throws `malformed_request` or `signing_refused`
 * for all data but a login in this session with this certificate.
 */
export function readLogin(data: Buffer, { sessionId, hostKey, certificate }: LoginFrame): string {
  const reader = createSshReader(data)
  const expect = (isSo: boolean, what: string): void => {
    if (!isSo) throw new StintError('signing_refused', `what is to be signed ${what}`)
  }
  expect(reader.string().equals(sessionId), 'is not for the session that the agent was bound to')
  expect(reader.byte() === USERAUTH_REQUEST, 'is not a login')
  const user = reader.string().toString('utf8')
  expect(reader.string().toString('latin1') === 'ssh-connection', 'is not a login to a connection')
  const method = reader.string().toString('latin1')
  expect(METHODS.includes(method), 'is not a login with a key')
  expect(reader.byte() === 1, 'is not a login that is signed')
  expect(reader.string().toString('latin1') === CERTIFICATE_TYPE, 'is not a login with a certificate')
  expect(reader.string().equals(certificate), 'is a login with another certificate')
  if (method !== 'publickey') expect(reader.string().equals(hostKey), 'is a login to another host')
  reader.end()
  return user
}
