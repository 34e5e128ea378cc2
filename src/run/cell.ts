import type { Server } from 'node:net'
import type { ProofKind } from '../model.ts'
import type { Admission } from './relay.ts'

/** Where the command will run: its way out is open already, the command itself is not there yet. */
export interface Cell {
  readonly proof: ProofKind
  /** What the command connects to, and who may. */
  readonly server: Server
  readonly proxy: URL
  readonly admission: Admission
  /** Further listeners, each for one server with a protocol of its own. None where `admission` asks for HTTP. */
  readonly wires: readonly Wire[]
  /** Where the run's files are for the command. */
  readonly filesAt: string
  /** The Node that the command can run. */
  readonly nodeAt: string
  /** Lines for the user: how it is confined and what is not protected. */
  readonly says: readonly string[]
  start(command: readonly string[], environment: Record<string, string>): Promise<Running>
}

/** A listener that the command reaches on its loopback. */
export interface Wire {
  readonly server: Server
  readonly port: number
}

/** The command. */
export interface Running {
  signal(signal: NodeJS.Signals): void
  /** Its exit code, as a shell reports it. */
  readonly exited: Promise<number>
}
