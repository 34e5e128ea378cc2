import { type ClientRequest, type IncomingMessage, request as requestOver } from 'node:http'
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import type { Upload } from './upload.ts'

/** A request whose body is followed by trailer fields. `headers` is flat. */
export interface TrailedRequest {
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
  readonly upload: Upload
  /** Flat; known once the body has ended. */
  trailers(): readonly string[]
}

type Handler = Pick<
  Required<Dispatcher.DispatchHandler>,
  'onRequestStart' | 'onResponseStart' | 'onResponseData' | 'onResponseEnd' | 'onResponseError'
>

/**
 * Sends a request with trailer fields (RFC 9110, section 6.5) over a connection of its own, since undici sends none, and tells
 * `handler` what a pool would.
 */
export async function dispatchTrailed(sent: TrailedRequest, dial: () => Promise<Socket>, handler: Handler): Promise<void> {
  const control: Control = { reason: null, paused: false, request: undefined, response: undefined }
  const controller = controllerOf(control)
  try {
    const socket = await dial()
    handler.onRequestStart(controller, undefined)
    if (control.reason !== null) return void socket.destroy()
    const { method, path } = sent
    const headers = [...sent.headers, 'transfer-encoding', 'chunked', 'connection', 'close']
    control.request = requestOver({ createConnection: () => socket, method, path, headers })
    follow(control.request, control, controller, handler)
    carryBody(sent, control.request)
  } catch (thrown) {
    handler.onResponseError(controller, thrown instanceof Error ? thrown : new Error(String(thrown)))
  }
}

interface Control {
  reason: Error | null
  paused: boolean
  request: ClientRequest | undefined
  response: IncomingMessage | undefined
}

function controllerOf(control: Control): Dispatcher.DispatchController {
  return {
    get aborted() {
      return control.reason !== null
    },
    get paused() {
      return control.paused
    },
    get reason() {
      return control.reason
    },
    abort(reason) {
      control.reason ??= reason
      control.request?.destroy(reason)
    },
    pause() {
      control.paused = true
      control.response?.pause()
    },
    resume() {
      control.paused = false
      control.response?.resume()
    },
  }
}

function follow(request: ClientRequest, control: Control, controller: Dispatcher.DispatchController, handler: Handler): void {
  const onError = (error: Error) => handler.onResponseError(controller, error)
  request.on('error', onError).once('response', (response) => {
    control.response = response
    try {
      handler.onResponseStart(controller, response.statusCode ?? 0, response.headers, response.statusMessage)
    } catch (thrown) {
      request.destroy(thrown instanceof Error ? thrown : undefined)
      return
    }
    response
      .on('data', (chunk: Buffer) => handler.onResponseData(controller, chunk))
      .on('end', () => handler.onResponseEnd(controller, response.trailers))
      .on('error', onError)
  })
}

function carryBody({ upload, trailers }: TrailedRequest, request: ClientRequest): void {
  upload
    .on('data', (chunk: Buffer) => {
      if (!request.write(chunk)) upload.pause()
    })
    .on('end', () => {
      request.addTrailers(pairsOf(trailers()))
      request.end()
    })
    .on('error', (error) => request.destroy(error))
  request.on('drain', () => upload.resume())
}

/** A flat list of fields as `addTrailers` takes it. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return pairs
}
