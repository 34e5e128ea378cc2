import type { Command } from 'commander'

/** Where a command's result goes: text for people, or one JSON value on stdout under `--json`. */
export interface Output {
  readonly json: boolean
  /** The command's result, once. `text` renders it for people. */
  print<T>(value: T, text: (value: T) => string): void
  /** A line for people while it works, on stderr; silent under `--json`. */
  say(line: string): void
}

/** What every command gets. */
export interface CommandContext {
  readonly env: NodeJS.ProcessEnv
  /** The data directory, absolute. */
  readonly home: string
  readonly output: Output
  /** One API call over the operator socket. Throws StintError: `not_running`, or the code the server answered with. */
  call<T>(method: 'GET' | 'POST' | 'DELETE' | 'PUT', path: string, body?: unknown): Promise<T>
  /** The items of a held-open route over the operator socket, until it ends, breaks or `signal` aborts. Throws like `call`. */
  stream<T>(path: string, signal?: AbortSignal): AsyncIterable<T>
}

/** A file in cli/commands/ exports one `register`, which adds its command to the program. A thrown StintError ends with exit 1. */
export type Register = (program: Command, context: CommandContext) => void
