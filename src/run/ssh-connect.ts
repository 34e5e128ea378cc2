/**
 * What ssh runs in place of a connection of its own (`ProxyCommand`, ssh_config(5)): `PROXY-PORT HOST PORT`. Asks the proxy of `stint run`
 * for the host, and carries bytes. It imports nothing of ours, so that this one file is all that must be shown to the command, and has no
 * types in it, so that it starts as the JavaScript that it is.
 */
import { connect } from 'node:net'

const MAX_HEAD_BYTES = 64 * 1024
const [proxyPort = '', host = '', port = ''] = process.argv.slice(2)
const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`

const give = (why = '') => {
  process.stderr.write(`stint: ${why.replaceAll(/[^\x20-\x7e]/g, '?')}\n`)
  process.exit(1)
}

const socket = connect({ host: '127.0.0.1', port: Number(proxyPort), allowHalfOpen: true, noDelay: true })
let answer = Buffer.alloc(0)
socket.on('error', ({ message }) => give(`the connection was broken off (${message})`))
socket.on('end', () => give('the proxy of stint run closed the connection'))
socket.on('data', (chunk) => {
  answer = Buffer.concat([answer, chunk])
  const end = answer.indexOf('\r\n\r\n')
  if (end < 0 && answer.length < MAX_HEAD_BYTES) return
  const [, status = '', phrase = ''] = /^HTTP\/1\.1 (\d+) ([^\r\n]*)/.exec(answer.toString('latin1')) ?? []
  if (status !== '200') give(`${authority}: ${phrase || 'the proxy of stint run did not answer'}`)
  socket.pause().removeAllListeners('data').removeAllListeners('end')
  process.stdout.write(answer.subarray(end + 4))
  process.stdout.on('error', () => process.exit()) // ssh has gone
  socket.on('end', () => process.exit()) // what was written to a pipe is written
  socket.pipe(process.stdout)
  process.stdin.pipe(socket)
})
socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`)
