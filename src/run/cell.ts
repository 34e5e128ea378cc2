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
  /** A Unix socket, where one was asked for and `admission` does not ask for HTTP. */
  readonly agent?: Agent | undefined
  /** Where the run's files are for the command. */
  readonly filesAt: string
  /** The Node that the command can run. */
  readonly nodeAt: string
  /** Lines for the user: how it is confined and what is not protected. */
  readonly says: readonly string[]
  start(command: readonly string[], environment: Record<string, string>): Promise<Running>
}

/** What a cell is opened with. */
export interface CellWays {
  /** Host path of the run's files. */
  readonly runDirectory: string
  readonly wireCount: number
  /** What shows as `~/.ssh` where the user's is hidden; with it there is an agent. Nothing where no target speaks SSH. */
  readonly sshDirectory: string | undefined
}

/** A listener that the command reaches on its loopback. */
export interface Wire {
  readonly server: Server
  readonly port: number
}

/** A listener that the command reaches by a path. */
export interface Agent {
  readonly server: Server
  readonly path: string
  readonly admission: Admission
}

/** The command. */
export interface Running {
  signal(signal: NodeJS.Signals): void
  /** Its exit code, as a shell reports it. */
  readonly exited: Promise<number>
}
