import type { IncomingHttpHeaders } from 'node:http'
import type { Transform } from 'node:stream'
import type { Dispatcher } from 'undici'
import { createDecoder } from './decode.ts'
import type { Order, ReadStart } from './forward.ts'
import type { Plan } from './inject.ts'
import type { Reply } from './reply.ts'
import type { Rewrite } from './rewrite.ts'
import { chainRewrites } from './substitute.ts'

/** An answer's body on its way to the client, scrubbed, with backpressure on the target. */
export interface Download {
  /** The content coding is undone, or the body is another, so length and coding of the target's answer no longer hold. */
  readonly decodes: boolean
  push(chunk: Buffer): void
  end(trailers: readonly string[]): void
  destroy(): void
}

type Controller = Pick<Dispatcher.DispatchController, 'pause' | 'resume'>

/** The way back for one answer. `onBroken`: its coding does not hold. Throws `upstream_failed` for a coding that hides the secret. */
export function createDownload(
  order: Order,
  plan: Plan,
  start: Omit<ReadStart, 'headers'> & { readonly headers: IncomingHttpHeaders },
  controller: Controller,
  onBroken: (error: Error) => void,
): Download {
  const { reply } = order.arrival
  const { status, headers } = start
  const length = headers['content-length']
  const reader = order.readAnswer?.(start)
  if (reader === undefined && plan.scrubber.isEmpty) return new DirectDownload(reply, controller, undefined, length)
  const encoding = headers['content-encoding']
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity'
  const masks = plan.scrubber.isEmpty ? [] : [plan.scrubber.mask()]
  const rewrite = chainRewrites(reader === undefined ? masks : [reader, ...masks])
  if (isPlain || !mayHaveBody(order.operation.method, status))
    return new DirectDownload(reply, controller, rewrite, reader === undefined ? length : undefined, reader !== undefined)
  return decoded(createDecoder(encoding), new DirectDownload(reply, controller, rewrite, undefined), controller, onBroken)
}

/** Whether an answer can have a body at all (RFC 9110, section 6.4.1). */
export function mayHaveBody(method: string, status: number): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 304
}

/** A class, because one is made for every answer. */
class DirectDownload implements Download {
  readonly decodes: boolean
  readonly #reply: Reply
  readonly #mask: Rewrite | undefined
  readonly #length: number
  #source: Controller
  #last: Buffer | undefined

  /** `length` is what the target says the body has, where it says it. */
  constructor(reply: Reply, source: Controller, mask: Rewrite | undefined, length: string | undefined, decodes = false) {
    this.decodes = decodes
    this.#reply = reply
    this.#source = source
    this.#mask = mask
    this.#length = length === undefined ? -1 : Number(length)
  }

  /** Whom to hold up when the client is slow. */
  feedFrom(source: Controller): void {
    this.#source = source
  }

  push(chunk: Buffer): void {
    const bytes = this.#mask === undefined ? chunk : this.#mask.push(chunk)
    if (bytes.length === this.#length)
      this.#last = bytes // the whole body at once: `end` follows
    else this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0 || this.#reply.write(bytes)) return
    const source = this.#source
    source.pause()
    this.#reply.whenDrained(() => source.resume())
  }

  end(trailers: readonly string[]): void {
    const rest = this.#mask?.end()
    if (rest !== undefined && rest.length > 0) this.#reply.end(trailers, rest)
    else this.#reply.end(trailers, this.#last)
  }

  destroy(): void {}
}

/** Undoes the content coding first. A coding that does not hold breaks the answer off. */
function decoded(decoder: Transform, sink: DirectDownload, controller: Controller, onBroken: (error: Error) => void): Download {
  let trailers: readonly string[] = []
  sink.feedFrom(decoder)
  decoder
    .on('data', (chunk: Buffer) => {
      try {
        sink.push(chunk)
      } catch (thrown) {
        decoder.destroy(thrown instanceof Error ? thrown : new Error(String(thrown)))
      }
    })
    .on('end', () => sink.end(trailers))
    .on('error', onBroken)
  return {
    decodes: true,
    push(chunk) {
      if (decoder.write(chunk)) return
      controller.pause()
      decoder.once('drain', () => controller.resume())
    },
    end(given) {
      trailers = given
      decoder.end()
    },
    destroy() {
      decoder.destroy()
    },
  }
}
