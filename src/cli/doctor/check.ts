import type { Config } from '../../config.ts'
import type { CommandContext } from '../command.ts'

/** What a check saw. `warn` is worth knowing; `fail` keeps Stint, or what it promises, from working. */
export interface Finding {
  readonly state: 'ok' | 'warn' | 'fail'
  /** What is there, in words. */
  readonly found: string
  /** What to do about it, as a command where there is one. */
  readonly mend?: string
}

/** What the checks look at. */
export interface Patient extends Pick<CommandContext, 'env' | 'home' | 'call'> {
  /** Absent when the settings cannot be read. */
  readonly config: Config | undefined
  readonly configError: string | undefined
  /** Whether the server answers on the operator socket. */
  readonly running: boolean
  readonly now: number
}

/** One thing that newcomers get wrong. A check that throws has failed. */
export interface Check {
  readonly what: string
  look(patient: Patient): Finding | Promise<Finding>
}

/** A check, after it looked. */
export interface Examined extends Finding {
  readonly what: string
}

export const ok = (found: string): Finding => ({ state: 'ok', found })
export const warn = (found: string, mend: string): Finding => ({ state: 'warn', found, mend })
export const fail = (found: string, mend: string): Finding => ({ state: 'fail', found, mend })
