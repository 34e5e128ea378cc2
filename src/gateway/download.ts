import type { IncomingHttpHeaders } from 'node:http'
import type { Transform } from 'node:stream'
import type { Dispatcher } from 'undici'
import { createDecoder } from './decode.ts'
import type { Order } from './forward.ts'
import type { Plan } from './inject.ts'
import type { Reply } from './reply.ts'
import type { Rewrite } from './rewrite.ts'

/** An answer's body on its way to the client, scrubbed, with backpressure on the target. */
export interface Download {
  /** The content coding is undone, so length and coding of the target's answer no longer hold. */
  readonly decodes: boolean
  push(chunk: Buffer): void
  /** Runs `then` when everything went out. */
  end(then: () => void): void
  destroy(): void
}

type Controller = Pick<Dispatcher.DispatchController, 'pause' | 'resume' | 'abort'>

/** The way back for one answer. Throws `upstream_failed` for a content coding that hides the secret. */
export function createDownload(
  order: Order,
  plan: Plan,
  status: number,
  headers: IncomingHttpHeaders,
  controller: Controller,
): Download {
  const { reply } = order.arrival
  if (plan.scrubber.isEmpty) return new DirectDownload(reply, controller, undefined)
  const encoding = headers['content-encoding']
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity'
  const hasBody = order.operation.method !== 'HEAD' && status !== 204 && status !== 304
  if (isPlain || !hasBody) return new DirectDownload(reply, controller, plan.scrubber.mask())
  return decoded(createDecoder(encoding), new DirectDownload(reply, controller, plan.scrubber.mask()), controller)
}

/** A class, because one is made for every answer. */
class DirectDownload implements Download {
  readonly decodes = false
  readonly #reply: Reply
  readonly #mask: Rewrite | undefined
  #source: Pick<Controller, 'pause' | 'resume'>

  constructor(reply: Reply, source: Pick<Controller, 'pause' | 'resume'>, mask: Rewrite | undefined) {
    this.#reply = reply
    this.#source = source
    this.#mask = mask
  }

  /** Whom to hold up when the client is slow. */
  feedFrom(source: Pick<Controller, 'pause' | 'resume'>): void {
    this.#source = source
  }

  push(chunk: Buffer): void {
    const bytes = this.#mask === undefined ? chunk : this.#mask.push(chunk)
    if (bytes.length === 0 || this.#reply.write(bytes)) return
    const source = this.#source
    source.pause()
    this.#reply.whenDrained(() => source.resume())
  }

  end(then: () => void): void {
    const rest = this.#mask?.end()
    if (rest !== undefined && rest.length > 0) this.#reply.write(rest)
    then()
  }

  destroy(): void {}
}

/** Undoes the content coding first. A coding that does not hold breaks the answer off. */
function decoded(decoder: Transform, sink: DirectDownload, controller: Controller): Download {
  let finish = (): void => {}
  sink.feedFrom(decoder)
  decoder
    .on('data', (chunk: Buffer) => sink.push(chunk))
    .on('end', () => sink.end(finish))
    .on('error', (cause) => controller.abort(cause))
  return {
    decodes: true,
    push(chunk) {
      if (decoder.write(chunk)) return
      controller.pause()
      decoder.once('drain', () => controller.resume())
    },
    end(then) {
      finish = then
      decoder.end()
    },
    destroy() {
      decoder.destroy()
    },
  }
}
