import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A wire to a server that can be severed: nothing comes through any more, and nobody is told. */
export interface Severable {
  readonly port: number
  sever(): void
  mend(): void
  close(): void
}

/** Forwards a loopback port to `port`. Severed, it goes on accepting connections, as a network that swallows packets seems to. */
export async function startSeverable(port: number): Promise<Severable> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let isSevered = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => !isSevered && to.write(chunk))
      from.on('error', () => undefined)
      from.on('close', () => {
        if (isSevered) return // the other end is not told until it is mended
        to.destroy()
        pairs.delete(pair)
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const drop = (): void => {
    for (const socket of [...pairs].flat()) socket.destroy()
  }
  return {
    port: (server.address() as AddressInfo).port,
    sever: () => (isSevered = true),
    mend() {
      isSevered = false
      drop() // what was swallowed is lost: no stream goes on as if nothing was
    },
    close() {
      server.close()
      drop()
    },
  }
}
