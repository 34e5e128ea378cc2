import { StintError } from '../../errors.ts'
import type { Operation } from '../../model.ts'
import type { RefusalText, SpokenRefusal } from '../connector.ts'
import { bodyType, isCoded } from './body-type.ts'
import { type Push, readPush } from './git.ts'

/** A packet's length has four hex digits and 65520 for its most; one of them is the side band's number. */
const MAX_PACKET = 65_515
const FLUSH = '0000'
const REQUEST = 'application/x-git-receive-pack-request'
const RESULT = 'application/x-git-receive-pack-result'

/**
 * Tells a push that every ref of it was rejected, and why (gitprotocol-pack, "Report Status"), as a server's hook would; with a side
 * band also the whole text. Undefined for what is no push, cannot be read, or has a client that takes no report. `isCut` says that
 * more body follows than was read.
 */
export function reportRefusal(operation: Operation, isCut: boolean, refusal: RefusalText): SpokenRefusal | undefined {
  const { body = new Uint8Array() } = operation
  const push = bodyType(operation) === REQUEST && !isCoded(operation) ? tryRead(body, isCut) : undefined
  if (push === undefined || !takesReport(push)) return undefined
  const refs = [...push.creates, ...push.updates, ...push.deletes]
  if (refs.length === 0) return undefined
  const report = Buffer.concat([
    packet('unpack ok\n'),
    ...refs.map((ref) => packet(`ng ${ref} ${refusal.line}\n`)),
    Buffer.from(FLUSH),
  ])
  const isBanded = push.capabilities.has('side-band-64k')
  return { status: 200, contentType: RESULT, body: isBanded ? bands(refusal.text, report) : report }
}

function takesReport({ capabilities }: Push): boolean {
  return capabilities.has('report-status') || capabilities.has('report-status-v2')
}

/** What is no command list gets an HTTP error. */
function tryRead(body: Uint8Array, isCut: boolean): Push | undefined {
  try {
    return readPush(body, isCut)
  } catch (thrown) {
    if (thrown instanceof StintError) return undefined
    throw thrown
  }
}

/** Band 2 is shown to people, band 1 carries the report (gitprotocol-pack, "Packfile Data"). */
function bands(text: string, report: Uint8Array): Uint8Array {
  return Buffer.concat([...band(2, Buffer.from(text)), ...band(1, report), Buffer.from(FLUSH)])
}

function band(number: 1 | 2, bytes: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += MAX_PACKET)
    packets.push(packet(Buffer.concat([Uint8Array.of(number), bytes.subarray(at, at + MAX_PACKET)])))
  return packets
}

function packet(content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}
