import { createHash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import { asStintError, StintError } from '../errors.ts'
import type { Given } from './plug/ask.ts'
import { timeOf } from './plug/aws.ts'
import { Refused } from './plug/plan.ts'
import type { Admission } from './relay.ts'

/** Where the command asks, on its own loopback. */
export const AWS_ENDPOINT_PATH = '/credentials'

/**
 * AWS's container credentials endpoint (AWS SDKs and Tools Reference Guide, "Container credential provider") on `listener`: a GET with
 * `token` in Authorization is answered with what `ask` gets. The answer cuts everything and closes the listener.
 */
export function serveAwsCredentials(
  listener: Server,
  admission: Admission,
  { token, ask }: { readonly token: string; ask(): Promise<Given> },
): () => void {
  const open = new Set<Socket>()
  const server = createServer((request, response) => void answer(request, response))
  listener.on('connection', (client: Socket) => void take(client))
  listener.on('error', () => {})
  return () => {
    listener.close()
    for (const socket of open) socket.destroy()
  }

  async function take(client: Socket): Promise<void> {
    open.add(client)
    client.on('error', () => client.destroy()).on('close', () => open.delete(client))
    try {
      await admission.admit(client)
      server.emit('connection', client)
    } catch {
      client.destroy() // a stranger, who is told nothing
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method !== 'GET' || request.url !== AWS_ENDPOINT_PATH)
        throw new StintError('not_found', 'there is nothing here')
      if (!isSame(request.headers.authorization ?? '', token)) throw new StintError('unauthenticated', 'the token is not the one')
      const { fields, expiresAt } = await ask()
      const { id: AccessKeyId, secret: SecretAccessKey, token: Token } = fields
      say(response, 200, { AccessKeyId, SecretAccessKey, Token, Expiration: timeOf(expiresAt) })
    } catch (thrown) {
      const { code, detail, status } = asStintError(thrown instanceof Refused ? new StintError('denied', thrown.message) : thrown)
      say(response, status, { code, message: detail })
    }
  }
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', connection: 'close' })
  response.end(JSON.stringify(body))
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHash('sha256').update(text).digest())
  return a !== undefined && b !== undefined && timingSafeEqual(a, b)
}
