import type { Duplex } from 'node:stream'
import type { Flow } from '../model.ts'
import { breakOff } from './break-off.ts'
import { countGarbage } from './garbage.ts'
import type { Tally } from './outcome.ts'
import type { Rewrite } from './rewrite.ts'

/** How a two-way stream ended. */
export type SpliceEnd = 'completed' | 'cut'

/**
 * Carries bytes both ways, with backpressure and half-close, until both sides are closed or the flow is cut, which destroys
 * both at once. Counts into `tally`; `back` rewrites what goes to the client, `forth` what goes to the target.
 */
export function splice(
  client: Duplex,
  target: Duplex,
  flow: Flow,
  tally: Tally,
  { back, forth }: { back?: Rewrite | undefined; forth?: (chunk: Buffer) => Buffer } = {},
): Promise<SpliceEnd> {
  return new Promise((done) => {
    let end: SpliceEnd = 'completed'
    const close = () => {
      client.destroy()
      target.destroy()
      if (client.closed && target.closed) done(end)
    }
    carry(client, target, (chunk) => {
      tally.bytesOut += chunk.length
      return forth === undefined ? chunk : forth(chunk)
    })
    carry(
      target,
      client,
      (chunk) => {
        tally.bytesIn += chunk.length
        return back === undefined ? chunk : back.push(chunk)
      },
      () => back?.end(),
    )
    client.on('error', close).on('close', close)
    target.on('error', close).on('close', close)
    flow.onCut(() => {
      end = 'cut'
      breakOff(client)
      breakOff(target)
    })
    if (client.destroyed || target.destroyed) close()
  })
}

function carry(from: Duplex, to: Duplex, through: (chunk: Buffer) => Buffer, rest?: () => Buffer | undefined): void {
  from.on('data', (chunk: Buffer) => {
    const bytes = through(chunk)
    countGarbage(chunk.length)
    if (bytes.length > 0 && to.writable && !to.write(bytes)) from.pause()
  })
  from.resume() // whoever read it before may have paused it
  to.on('drain', () => from.resume())
  from.on('end', () => {
    const last = rest?.()
    if (to.writable) to.end(last)
  })
}
