import type { Duplex } from 'node:stream'
import { asStintError, type ErrorCode } from '../errors.ts'
import type { CountOut, Flow } from '../model.ts'
import { breakOff } from './break-off.ts'
import { countGarbage } from './garbage.ts'
import type { Tally } from './outcome.ts'
import type { Rewrite } from './rewrite.ts'

/** How a two-way stream ended. */
export type SpliceEnd = 'completed' | 'cut'

/**
 * Carries bytes both ways, with backpressure and half-close, until both sides are closed or the flow is cut, which destroys
 * both at once; so does a byte to the target that a budget has too little left for. Counts into `tally`; `back` rewrites what goes to the client, `forth` what goes to the target.
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
    const cut = (code: ErrorCode) => {
      end = 'cut'
      tally.code = code
      breakOff(client)
      breakOff(target)
    }
    const through = (chunk: Buffer): Buffer => {
      tally.bytesOut += chunk.length
      return forth === undefined ? chunk : forth(chunk)
    }
    carry(client, target, through, { count: flow.countOut, cut })
    carry(
      target,
      client,
      (chunk) => {
        tally.bytesIn += chunk.length
        return back === undefined ? chunk : back.push(chunk)
      },
      { rest: () => back?.end() },
    )
    client.on('error', close).on('close', close)
    target.on('error', close).on('close', close)
    flow.onCut(() => cut('revoked'))
    if (client.destroyed || target.destroyed) close()
  })
}

interface Manner {
  readonly rest?: () => Buffer | undefined
  /** Counts what comes before it goes on; what must not go on cuts. */
  readonly count?: CountOut | undefined
  readonly cut?: (code: ErrorCode) => void
}

function carry(from: Duplex, to: Duplex, through: (chunk: Buffer) => Buffer, { rest, count, cut = () => {} }: Manner): void {
  let isCounting = false
  const pass = (chunk: Buffer): void => {
    const bytes = through(chunk)
    countGarbage(chunk.length)
    if (bytes.length > 0 && to.writable && !to.write(bytes)) from.pause()
  }
  const wait = async (chunk: Buffer, counted: Promise<boolean>): Promise<void> => {
    isCounting = true
    from.pause()
    const code = await counted.then(
      (isAfforded) => (isAfforded ? undefined : 'budget_exceeded'),
      (thrown) => asStintError(thrown).code, // what cannot be counted does not go on
    )
    isCounting = false
    if (code !== undefined) return cut(code)
    from.resume()
    pass(chunk)
  }
  from.on('data', (chunk: Buffer) => {
    const counted = count?.(chunk.length) ?? true
    if (counted === true) pass(chunk)
    else void wait(chunk, counted)
  })
  from.resume() // whoever read it before may have paused it
  to.on('drain', () => isCounting || from.resume())
  from.on('end', () => {
    const last = rest?.()
    if (to.writable) to.end(last)
  })
}
