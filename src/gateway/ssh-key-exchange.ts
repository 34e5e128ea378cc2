import type { Rewrite } from './rewrite.ts'
import { createSshReader } from './ssh-data.ts'

/** All that a server says before it has signed. */
const MAX_BYTES = 128 * 1024
const NEWKEYS = 21
/** The reply of every key exchange but one (RFC 4253, section 8; RFC 5656, section 4), and that one's (RFC 4419, section 5). */
const REPLIES = [31, 33]
const NOTHING = Buffer.alloc(0)

/**
 * Passes on what an SSH server sends, and tells `onSigned` once what its host key signed the first key exchange with: that is in the
 * clear, and it is what a client binds its agent by. Tells nothing of a server that says something else.
 */
export function watchKeyExchange(onSigned: (signature: Buffer) => void): Rewrite {
  let held = NOTHING
  let [bytes, greeted, isOver] = [0, false, false]
  return {
    push(chunk) {
      if (!isOver) look(chunk)
      return chunk
    },
    end: () => NOTHING,
  }

  function look(chunk: Buffer): void {
    held = Buffer.concat([held, chunk])
    bytes += chunk.length
    isOver = bytes > MAX_BYTES
    while (!isOver && (greeted ? readPacket() : readLine()));
    if (isOver) held = NOTHING
  }

  /** Lines before the one with the version are the server's own (RFC 4253, section 4.2). */
  function readLine(): boolean {
    const end = held.indexOf('\n')
    if (end < 0) return false
    greeted = held.toString('latin1', 0, 4) === 'SSH-'
    held = held.subarray(end + 1)
    return true
  }

  /** In the clear, without a MAC (RFC 4253, section 6). */
  function readPacket(): boolean {
    if (held.length < 5) return false
    const [length, padding] = [held.readUInt32BE(), held.readUInt8(4)]
    isOver = length < padding + 2
    if (isOver || held.length < 4 + length) return false
    const payload = held.subarray(5, 4 + length - padding)
    held = held.subarray(4 + length)
    const signature = REPLIES.includes(payload[0] ?? 0) ? signatureIn(payload.subarray(1)) : undefined
    isOver = signature !== undefined || payload[0] === NEWKEYS
    if (signature !== undefined) onSigned(Buffer.from(signature))
    return !isOver
  }
}

/** Host key, the server's share, signature. What goes by the same number in RFC 4419, section 5, has two strings only. */
function signatureIn(reply: Buffer): Buffer | undefined {
  const reader = createSshReader(reply)
  try {
    reader.string()
    reader.string()
    return reader.string()
  } catch {
    return undefined
  }
}
