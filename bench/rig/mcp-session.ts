import type { Socket } from 'node:net'

/** A session of MCP 2025-11-25 on one connection, with as little of a client as there can be. */
export interface McpSession {
  /** Calls the tool `echo`, and rejects when the answer is no result. `fields` are further header fields. */
  call(message?: string, fields?: string): Promise<void>
  /** Waits for what the server may say, for ever; resolves when the server has begun to answer. */
  listen(): Promise<void>
}

/** `target` is as the other end wants it: a URL for a proxy, else a path. */
export async function openSession(socket: Socket, host: string, target: string): Promise<McpSession> {
  const ask = createAsking(socket)
  let fields = 'MCP-Protocol-Version: 2025-11-25\r\n'
  let id = 0
  const post = (message: object, more = ''): Promise<string> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    const types = 'Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n'
    const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`
    return ask(`POST ${target} HTTP/1.1\r\nHost: ${host}\r\n${types}${length}${fields}${more}\r\n${body}`, isWhole)
  }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1' } }
  const begun = await post({ id: ++id, method: 'initialize', params })
  const session = /\r\n(mcp-session-id: [^\r]+\r\n)/i.exec(begun)?.[1]
  if (session === undefined) throw new Error(`no session: ${begun}`)
  fields += session
  await post({ method: 'notifications/initialized' })
  return {
    async call(message = 'x', more) {
      const answer = await post({ id: ++id, method: 'tools/call', params: { name: 'echo', arguments: { message } } }, more)
      if (!answer.includes('"result"')) throw new Error(`no result: ${answer}`)
    },
    async listen() {
      const begun = await ask(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nAccept: text/event-stream\r\n${fields}\r\n`, hasBegun)
      if (!begun.startsWith('HTTP/1.1 200 ')) throw new Error(`not listening: ${begun}`)
    },
  }
}

/** One request after the other: what is answered, once there is enough of it. */
function createAsking(socket: Socket): (request: string, isEnough: (answer: string) => boolean) => Promise<string> {
  let seen = ''
  let isEnough = hasBegun
  let waiting: PromiseWithResolvers<string> | undefined
  socket.on('data', (chunk: Buffer) => {
    seen += chunk.toString('latin1')
    if (isEnough(seen)) waiting?.resolve(seen)
  })
  const broken = (): void => waiting?.reject(new Error(`the connection was broken off after ${JSON.stringify(seen)}`))
  socket.on('close', broken)
  socket.on('error', broken)
  return (request, enough) => {
    seen = ''
    isEnough = enough
    waiting = Promise.withResolvers()
    socket.write(request)
    return waiting.promise
  }
}

function hasBegun(answer: string): boolean {
  return answer.includes('\r\n\r\n')
}

/** By its length, by its last chunk (RFC 9112, section 7.1), or because it has no body. */
function isWhole(answer: string): boolean {
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0) return false
  if (/\r\ntransfer-encoding: chunked/i.test(answer.slice(0, end))) return answer.endsWith('\r\n0\r\n\r\n')
  return answer.length >= end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(answer.slice(0, end))?.[1] ?? 0)
}
