/** What an archive holds: a file's bytes, or why they were not to be had. Names are attacker-controlled; they are shown and open nothing. */
export type Member = { readonly name: string } & ({ readonly bytes: Buffer } | { readonly why: string })

/** An archive that cannot be read, or only so far. Its message says why. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
}

/** An archive in an archive is opened, and one in that; each wrapping of `.tar.gz` counts. What is packed deeper is not opened. */
export const MOST_LAYERS = 4

/** Unpacked from one content, in total. */
const MOST_BYTES = 256 << 20
const MOST_MEMBERS = 10_000
/** Of one member. */
const MEMBER_BYTES = 32 << 20
/** Deflate reaches 1032 (RFC 1951, section 3.2.5); what is not made to be a bomb stays far below. */
const MOST_RATIO = 200
/** Up to so much any ratio will do. */
const SMALL_BYTES = 1 << 20

/** What may still be unpacked from one content, whatever it claims of itself. */
export type Room = ReturnType<typeof createRoom>

export function createRoom() {
  let left = MOST_BYTES
  let members = MOST_MEMBERS
  return {
    /** One more member. Throws FormatError where there are too many, or nothing may be unpacked any more. */
    enter(): void {
      if (left <= 0) throw new FormatError(`it unpacks to more than ${MOST_BYTES >> 20} MB`)
      members -= 1
      if (members < 0) throw new FormatError(`it has more than ${MOST_MEMBERS} members`)
    },
    /** How much `packed` bytes may become. */
    allow: (packed: number): number => Math.min(MEMBER_BYTES, Math.max(1, left), Math.max(SMALL_BYTES, packed * MOST_RATIO)),
    take(bytes: number): void {
      left -= bytes
    },
  }
}
