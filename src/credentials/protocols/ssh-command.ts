import type { SshMessage, SshTransport } from './ssh-transport.ts'
import { MalformedSsh, string, uint32 } from './ssh-wire.ts'

/** RFC 4254, section 9. */
const [GLOBAL_REQUEST, REQUEST_FAILURE] = [80, 82]
const [OPEN, OPENED, WINDOW_ADJUST, DATA, EXTENDED_DATA, EOF, CLOSE, REQUEST, FAILURE] = [90, 91, 93, 94, 95, 96, 97, 98, 100]
/** What the command may say in all: it is given no more room. */
const WINDOW_BYTES = 64 * 1024
const MAX_PACKET_BYTES = 32_768
const KEPT_CHARACTERS = 300

/** How a command ended: its exit status, or none when it was killed or not run; and the beginning of what it said. */
export interface Ended {
  readonly status: number | undefined
  readonly said: string
}

/**
 * Runs one command as whoever is logged in, with `input` on its standard input (RFC 4254, section 6). Throws MalformedSsh for an answer
 * that does not belong there.
 */
export async function runCommand(ssh: SshTransport, command: string, input: string): Promise<Ended> {
  ssh.send(Buffer.concat([Buffer.of(OPEN), string('session'), uint32(0), uint32(WINDOW_BYTES), uint32(MAX_PACKET_BYTES)]))
  const opened = await readChannelMessage(ssh)
  if (opened.type !== OPENED) throw new MalformedSsh('the server opens no session')
  const theirs = uint32(opened.fields.uint32())
  const tell = (type: number, ...parts: Buffer[]): void => ssh.send(Buffer.concat([Buffer.of(type), theirs, ...parts]))
  tell(REQUEST, string('exec'), Buffer.of(1), string(command))
  let [window, hasSent, said]: [number, boolean, string] = [opened.fields.uint32(), false, '']
  let status: number | undefined
  for (;;) {
    if (!hasSent && window >= Buffer.byteLength(input)) {
      tell(DATA, string(input))
      tell(EOF)
      hasSent = true
    }
    const { type, fields } = await readChannelMessage(ssh)
    if (type === CLOSE || type === FAILURE) return { status, said }
    if (type === WINDOW_ADJUST) window += fields.uint32()
    if (type === EXTENDED_DATA) fields.uint32()
    if (type === DATA || type === EXTENDED_DATA) said = keep(said, fields.string())
    if (type === REQUEST && fields.text() === 'exit-status' && fields.byte() === 0) status = fields.uint32()
  }
}

/** The next message of our only channel, whose number is 0: what is before that number in the message is read. */
async function readChannelMessage(ssh: SshTransport): Promise<SshMessage> {
  for (;;) {
    const message = await ssh.read()
    const { type, fields } = message
    if (type === GLOBAL_REQUEST) {
      fields.text()
      if (fields.byte() !== 0) ssh.send(Buffer.of(REQUEST_FAILURE))
      continue
    }
    if (type < OPENED || type > FAILURE || fields.uint32() !== 0) throw new MalformedSsh('the server answers what was not asked')
    return message
  }
}

function keep(said: string, bytes: Buffer): string {
  const text = bytes.subarray(0, KEPT_CHARACTERS).toString('latin1')
  return (said + text.replaceAll(/[^\x20-\x7e]/g, ' ')).slice(0, KEPT_CHARACTERS)
}
