import type { Certified } from './ssh-certificate.ts'
import { CERTIFIED } from './ssh-certificate.ts'
import { signSsh } from './ssh-keys.ts'
import type { SshMessage, SshTransport } from './ssh-transport.ts'
import { MalformedSsh, string } from './ssh-wire.ts'

/** RFC 4253, section 10; RFC 4252, section 6. */
const [SERVICE_REQUEST, SERVICE_ACCEPT] = [5, 6]
const [REQUEST, FAILURE, SUCCESS, BANNER, PK_OK] = [50, 51, 52, 53, 60]
const SERVICE = 'ssh-userauth'

/** Asks to log in by certificates. */
export interface SshLogin {
  /** Whether a login as `user` with this certificate could go on, without a signature (RFC 4252, section 7). */
  wouldTake(user: string, certificate: Buffer): Promise<boolean>
  /** Logs in; false when it is refused. */
  logIn(user: string, certified: Certified): Promise<boolean>
}

/** Begins to log in. Each answer that is neither yes nor no throws MalformedSsh. */
export async function beginLogin(ssh: SshTransport): Promise<SshLogin> {
  ssh.send(Buffer.concat([Buffer.of(SERVICE_REQUEST), string(SERVICE)]))
  const { type, fields } = await ssh.read()
  if (type !== SERVICE_ACCEPT || fields.text() !== SERVICE) throw new MalformedSsh('the server lets nobody log in')
  return {
    async wouldTake(user, certificate) {
      ssh.send(encodeRequest(user, certificate, false))
      const answer = await readAnswer(ssh)
      if (isRefusal(answer)) return false
      const [algorithm, blob] = answer.type === PK_OK ? [answer.fields.text(), answer.fields.string()] : []
      if (algorithm === CERTIFIED && blob?.equals(certificate)) return true
      throw new MalformedSsh('the server does not say whether it takes the certificate')
    },
    async logIn(user, { key, certificate }) {
      const request = encodeRequest(user, certificate, true)
      const signature = signSsh(key, Buffer.concat([string(ssh.sessionId), request]))
      ssh.send(Buffer.concat([request, string(signature)]))
      const answer = await readAnswer(ssh)
      if (isRefusal(answer)) return false
      if (answer.type === SUCCESS) return true
      throw new MalformedSsh('the server does not say whether the login is done')
    },
  }
}

function encodeRequest(user: string, certificate: Buffer, hasSignature: boolean): Buffer {
  const names = [user, 'ssh-connection', 'publickey'].map((name) => string(name))
  return Buffer.concat([Buffer.of(REQUEST), ...names, Buffer.of(hasSignature ? 1 : 0), string(CERTIFIED), string(certificate)])
}

async function readAnswer(ssh: SshTransport): Promise<SshMessage> {
  for (;;) {
    const message = await ssh.read()
    if (message.type !== BANNER) return message
  }
}

/** The login failed; that it went half of the way is no refusal of the certificate (RFC 4252, section 5.1). */
function isRefusal({ type, fields }: SshMessage): boolean {
  if (type !== FAILURE) return false
  fields.names()
  if (fields.byte() !== 0) throw new MalformedSsh('the server wants more than a certificate')
  return true
}
