import { StintError } from '../../errors.ts'
import { readPackets } from './git.ts'

/**
 * The refs that a server reports as updated just as they were asked to be (gitprotocol-pack, "Report Status"), and why others were not.
 * Nothing for what is no whole report. Attacker-controlled.
 */
export interface Report {
  readonly done: ReadonlySet<string>
  readonly refused: ReadonlyMap<string, string>
}

const NOTHING: Report = { done: new Set(), refused: new Map() }

/** `isBanded` says that the push asked for `side-band-64k`: the report is then what band 1 carries. */
export function readReport(answer: Uint8Array, isBanded: boolean): Report {
  try {
    return reported(linesOf(isBanded ? bandOne(answer) : answer))
  } catch (thrown) {
    if (thrown instanceof StintError) return NOTHING
    throw thrown
  }
}

function reported([unpacked, ...lines]: readonly string[]): Report {
  const done = new Set<string>()
  const refused = new Map<string, string>()
  let last = ''
  for (const line of lines) {
    const { said = '', ref = '', why = '' } = /^(?<said>ok|ng|option) (?<ref>\S+)(?: (?<why>.*))?$/.exec(line)?.groups ?? {}
    if (said === 'option')
      done.delete(last) // the server did something else instead
    else last = ref
    if (said === 'ok' && unpacked === 'unpack ok') done.add(ref)
    if (said === 'ng') refused.set(ref, why)
  }
  return { done, refused }
}

/** The text of each packet up to the flush, which must be there. */
function linesOf(bytes: Uint8Array): string[] {
  const lines: string[] = []
  for (const packet of readPackets(bytes, false)) {
    if (packet === 'flush') return lines
    lines.push(Buffer.from(packet).toString('utf8').replace(/\n$/, ''))
  }
  return []
}

function bandOne(bytes: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = []
  for (const packet of readPackets(bytes, false)) {
    if (packet === 'flush') break
    if (packet[0] === 1) chunks.push(packet.subarray(1))
  }
  return Buffer.concat(chunks)
}
