import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Supervised } from './supervise.ts'

/** Waits until somebody listens there. Throws with what the server said when it ends first. */
export async function untilOpen(port: number, server: Supervised): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((done) => {
      const socket = connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false))
      socket.once('connect', () => socket.destroy())
    })
    if (server.hasEnded) throw new Error(`the server does not start: ${server.said}`)
    if (isOpen) return
    await sleep(20)
  }
}
