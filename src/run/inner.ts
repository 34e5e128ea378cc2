/**
 * The first program in the sandbox, and for a moment the only one. It opens a listener in the sandbox's own network, hands it to
 * `stint run` outside, and becomes the command. It imports nothing of ours, so that this one file is all that must be shown inside.
 */
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** What `stint run` answers once it holds the listener. */
export interface Become {
  readonly command: readonly string[]
  readonly environment: Record<string, string>
}

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 }, server)
})
process.once('message', (message) => become(message as Become))
process.once('disconnect', () => process.exit(1))

function become({ command, environment }: Become): void {
  process.removeAllListeners('disconnect')
  process.disconnect()
  closeInherited()
  // A caught signal is back at its default after execve; Node ignores these two, and the command would inherit that.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {})
  const [name = '', ...rest] = command
  const file = find(name, environment.PATH ?? '')
  if (isProgram(file)) process.execve?.(file, [name, ...rest], environment)
  // As execvp(3) does: what is executable and no program is a script for the shell.
  process.execve?.('/bin/sh', ['/bin/sh', file, ...rest], environment)
}

/** Closes every descriptor that would outlive execve: what the terminal's shell or a test happened to leave open. */
function closeInherited(): void {
  const kept = 0o2000000
  for (const name of readdirSync('/proc/self/fd')) {
    const fd = Number(name)
    if (fd <= 2) continue
    try {
      const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0'
      if ((Number.parseInt(flags, 8) & kept) === 0) closeSync(fd)
    } catch {
      // It was the listing's own descriptor, and is closed already.
    }
  }
}

function find(name: string, path: string): string {
  if (name.includes('/')) return check(name)
  for (const directory of path.split(delimiter)) if (isExecutable(join(directory, name))) return join(directory, name)
  return give(127, `${name}: command not found in the sandbox`)
}

function check(file: string): string {
  if (isExecutable(file)) return file
  const exists = statSync(file, { throwIfNoEntry: false }) !== undefined
  return exists ? give(126, `${file}: cannot be run`) : give(127, `${file}: not found in the sandbox`)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** ELF or `#!`: what execve(2) takes. */
function isProgram(file: string): boolean {
  try {
    const head = Buffer.alloc(4)
    const fd = openSync(file, 'r')
    readSync(fd, head, 0, 4, 0)
    closeSync(fd)
    return head.toString('latin1') === '\x7fELF' || head.toString('latin1', 0, 2) === '#!'
  } catch {
    // It may be executable and not readable: then only the kernel can tell.
    return true
  }
}

function give(code: number, why: string): never {
  writeSync(2, `stint: ${why}\n`)
  process.exit(code)
}
