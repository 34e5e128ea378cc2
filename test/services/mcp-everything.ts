import { mkdtempSync } from 'node:fs'
import { type RequestListener, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './free-port.ts'
import { type Supervised, supervise } from './supervise.ts'
import { untilOpen } from './until-open.ts'

/** It would listen everywhere. */
const LOOPBACK = `data:text/javascript,${encodeURIComponent(`
  import net from 'node:net'
  const { listen } = net.Server.prototype
  net.Server.prototype.listen = function (port, ...rest) { return listen.call(this, Number(port), '127.0.0.1', ...rest) }`)}`

/** The reference server of MCP 2025-11-25 over streamable HTTP, at /mcp of a loopback port. */
export interface Everything {
  readonly port: number
  stop(): Promise<void>
}

/** Starts one for a test file; it stops with the file's process. */
export async function startEverything(triesLeft = 3): Promise<Everything> {
  const program = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const port = await freePort()
  const directory = mkdtempSync(join(tmpdir(), 'stint-everything-'))
  const node = [process.execPath, '--import', LOOPBACK, program, 'streamableHttp'] as const
  const server: Supervised = supervise(['/usr/bin/env', `PORT=${port}`, ...node], { directory, signal: 'TERM' })
  try {
    await untilOpen(port, server)
  } catch (thrown) {
    if (!/already in use/.test(String(thrown)) || triesLeft === 1) throw thrown
    return startEverything(triesLeft - 1)
  }
  return { port, stop: server.stop }
}

/** Answers as that server does, each piece of its answers as `rewrite` makes it. */
export function relayTo({ port }: Everything, rewrite = (text: string): string => text): RequestListener {
  return (asked, response) => {
    const { method, url: path, headers } = asked
    const sent = request({ port, host: '127.0.0.1', method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('data', (chunk) => response.write(rewrite(String(chunk))))
      answer.on('end', () => response.end())
    })
    asked.pipe(sent)
  }
}
