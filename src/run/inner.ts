/**
 * The first program in the sandbox, and for a moment the only one. It opens as many listeners as it is told to in the sandbox's own
 * network, and one at each path it is told, hands them to `stint run` outside, and becomes the command. It imports nothing of ours, so that this one file is all that must be shown inside.
 */
import { accessSync, closeSync, constants, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** What `stint run` answers once it holds the listener. */
export interface Become {
  readonly command: readonly string[]
  readonly environment: Record<string, string>
  /** Why the program that the user means is not to be found here. */
  readonly unseen?: string
}

for (let left = Number(process.argv[2]); left > 0; left -= 1) {
  const server = createServer()
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 }, server)
  })
}
for (const path of process.argv.slice(3)) {
  const server = createServer()
  server.listen(path, () => process.send?.({ path }, server))
}
process.once('message', (message) => become(message as Become))
process.once('disconnect', () => process.exit(1))

function become({ command, environment, unseen }: Become): void {
  process.removeAllListeners('disconnect')
  process.disconnect()
  closeInherited()
  // A caught signal is back at its default after execve; Node ignores these two, and the command would inherit that.
  for (const signal of ['SIGPIPE', 'SIGXFSZ'] as const) process.on(signal, () => {})
  const [name = '', ...rest] = command
  const file = find(name, environment.PATH ?? '', unseen)
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

/** The program's file. Ends with what a shell ends with when there is none, or none that can be run. */
function find(name: string, path: string, unseen: string | undefined): string {
  const places = name.includes('/') ? [name] : path.split(delimiter).map((directory) => join(directory, name))
  const file = places.find(isExecutable)
  const interpreter = file && interpreterOf(file)
  if (file !== undefined && (interpreter === undefined || isExecutable(interpreter))) return file
  if (unseen !== undefined) return give(126, unseen)
  if (file !== undefined) return give(126, `${name}: its interpreter ${interpreter} is not in the sandbox`)
  const exists = name.includes('/') && statSync(name, { throwIfNoEntry: false }) !== undefined
  return exists ? give(126, `${name}: cannot be run`) : give(127, `${name}: command not found in the sandbox`)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** What a script names in its first line (execve(2)). A call that failed for the want of it would end Node with a stack trace. */
function interpreterOf(file: string): string | undefined {
  return /^#![ \t]*(\S+)/.exec(headOf(file) ?? '')?.[1]
}

/** ELF or `#!`: what execve(2) takes. What may be executed and not read is left to the kernel. */
function isProgram(file: string): boolean {
  const head = headOf(file)
  return head === undefined || head.startsWith('\x7fELF') || head.startsWith('#!')
}

/** As many bytes as the kernel reads for an interpreter; undefined when they may not be read. */
function headOf(file: string): string | undefined {
  try {
    const head = Buffer.alloc(256)
    const fd = openSync(file, 'r')
    const length = readSync(fd, head, 0, head.length, 0)
    closeSync(fd)
    return head.toString('latin1', 0, length)
  } catch {
    return undefined
  }
}

function give(code: number, why: string): never {
  writeSync(2, `stint: ${why}\n`)
  process.exit(code)
}
