import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Installation, startStint } from '../fakes/stint.ts'

// Node opens its debugger when it is sent SIGUSR1. Any program of the same user could send one to the server and read every key.

let stint: Installation
before(async () => {
  stint = await startStint()
})
after(() => stint.stop())

test('SIGUSR1 does not open a debugger in the server, and does not stop it', async () => {
  stint.server.kill('SIGUSR1')
  await pause(500)
  assert.equal(stint.server.exitCode, null)
  assert.equal(await answers(9229), false)
  assert.equal((await stint.cli(['status'])).code, 0)
})

test('the memory of the server cannot be read by its own user’s programs', { skip: process.getuid?.() === 0 }, () => {
  assert.throws(() => readFileSync(`/proc/${stint.server.pid}/environ`), /EACCES/)
})

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      done(true)
    })
    socket.once('error', () => done(false))
  })
}
