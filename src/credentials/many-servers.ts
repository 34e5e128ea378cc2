import type { Operation, Target } from '../model.ts'
import type { AnswerReader, RefusalText, SpokenRefusal } from './connector.ts'

/** What one server is sent of a message to many: header fields of the message itself, and its body where it has one. */
export interface ManyPart {
  readonly target: Target
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
}

/** What one server answered; a code where nothing of its answer is to be had. Attacker-controlled. */
export interface ManyAnswer {
  readonly target: Target
  readonly status: number
  readonly type: string
  readonly body: Buffer
  readonly failure?: string
}

/** The one answer to what was sent to several. `agreed` has the revision that each server took, where that was asked. */
export interface ManyMerged {
  readonly status: number
  readonly body?: Buffer
  readonly agreed?: ReadonlyMap<string, string>
}

/** A message to many servers, read. */
export interface ManyAsked {
  readonly parts: readonly ManyPart[]
  /** `pass`: one server's answer as it comes. `listen`: the streams of several as one. `merge`: one answer, when all have theirs. */
  readonly manner: 'pass' | 'listen' | 'merge'
  /** It begins a session, or ends it. */
  readonly step?: 'begin' | 'end'
  /** What a cancellation names it by. */
  readonly key?: string
  merge(answers: readonly ManyAnswer[]): ManyMerged
}

/** What is remembered for who sends a message. */
export interface ManyKnown {
  /** The servers it can go to. */
  readonly targets: readonly Target[]
  /** Which of them is carrying out the request of this key. */
  sentTo(key: string): string | undefined
}

/** How messages to many servers of one protocol are told apart, sent on and joined. One address stands for all of them. */
export interface ManyServers {
  /** Bytes of one message that are read. */
  readonly maxBytes: number
  /** The URL where a target's server is. */
  placeOf(target: Target): string
  /** Says, before anything is sent, to whom. Throws StintError for what is malformed, ambiguous or goes to none. */
  read(operation: Operation, known: ManyKnown): ManyAsked
  /** Turns one server's answer into the address's own as it comes; undefined where its bytes pass as they are. */
  readBack(target: Target, type: string): AnswerReader | undefined
  /** Says a refusal in the protocol's own words; `thrown` is what `read` threw. */
  speakRefusal(operation: Operation, refusal: RefusalText, thrown: unknown): SpokenRefusal | undefined
}
