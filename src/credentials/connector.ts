import type { ErrorCode } from '../errors.ts'
import type { Members } from '../members.ts'
import type { Action, Effect, HostRule, Operation, Placement, Program, Scheme, Target, Task } from '../model.ts'
import type { Secret } from '../secret.ts'
import type { Io, Minting, Setting } from './minting.ts'

/** One thing to put into the outgoing request. The gateway applies it; only it reveals the secret. */
export type Injection =
  | { readonly kind: 'header'; readonly name: string; readonly prefix: string; readonly value: Secret }
  | { readonly kind: 'basic'; readonly username: string; readonly value: Secret }
  | { readonly kind: 'query'; readonly name: string; readonly value: Secret }
  | { readonly kind: 'placeholder'; readonly placeholder: string; readonly body: boolean; readonly value: Secret }
  /** An environment variable of the program that is the target. */
  | { readonly kind: 'env'; readonly name: string; readonly value: Secret }
  /** For wire protocols: whom the entrance logs in as. */
  | { readonly kind: 'login'; readonly username: string; readonly value: Secret }
  /** For SSH: the certificate, one line as in a .pub file, and the Ed25519 key it is for (PKCS #8, PEM), which signs in the gateway. */
  | { readonly kind: 'ssh'; readonly certificate: string; readonly value: Secret }
  /** For protocols that sign each request: the last thing done to it. `value` is the key, which answers are scrubbed of, `keyId` its name. */
  | { readonly kind: 'sign'; sign(request: Signable): Promise<Signed>; readonly value: Secret; readonly keyId: string }

/** A request that is about to leave: as it arrived, and the headers it would leave with, flat, `host` first. */
export interface Signable {
  readonly operation: Operation
  readonly headers: readonly string[]
}

/** What leaves instead. `path` has the query. */
export interface Signed {
  readonly path: string
  readonly headers: string[]
}

/** What a connector is given to obtain a credential: the task, the decided action, and the standing secret it may wrap. */
export interface ObtainInput {
  readonly task: Task
  readonly target: Target
  readonly action: Action
  readonly standing: Secret | undefined
}

/** Credential material for one task, before it becomes a Lease. */
export interface Obtained {
  readonly injections: readonly Injection[]
  /** Epoch milliseconds after which the material is dead by itself; absent for a wrapped standing key. */
  readonly expiresAt?: number
}

/** A refusal in words, without control characters: why and what to do in one line, and all there is to say in several. */
export interface RefusalText {
  /** What it is as an HTTP error. */
  readonly status: number
  readonly code: ErrorCode
  readonly line: string
  readonly text: string
  /** Present where the request may be sent again until people have answered: the state to give back, and where it is seen how far it is. */
  readonly retry?: { readonly state: string; readonly told: Members }
}

/** How a protocol has its clients send a request again, with a state that they were given, until it has its answer. Throws nothing. */
export interface Retry {
  /** What of the body people consent to, where each try spells some of it anew; undefined for all its bytes. */
  exactBody(operation: Operation): Uint8Array | undefined
  /** The state that Stint gave its client, and the request without it; undefined where it has none. Attacker-controlled. */
  split(operation: Operation): { readonly state: string; readonly operation: Operation } | undefined
}

/** An HTTP answer that says a refusal in the words of the protocol that its client speaks. */
export interface SpokenRefusal {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/** A tool as its server defines it, by name and SHA-256. `setting` is how `pinned_tools` has it. */
export interface ToolPin {
  readonly name: string
  readonly digest: string
  readonly setting: string
  /** Those of its arguments that are whole numbers, as `integer_arguments` has them. */
  readonly integers: readonly string[]
  /** Beside what the operator has taken before. */
  readonly change: 'same' | 'changed' | 'new'
}

/** An answer as its header section says it is, and the request that it is to. Attacker-controlled. */
export interface AnswerStart {
  readonly asked: Operation
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/**
 * How something done to a target is undone: a ref moved back by a push that the server takes only while it is where the task put it, or a
 * request to the place that did it. `from` and `to` are object ids, all zeros for none; a path has no query.
 */
export type Undo =
  | { readonly is: 'ref'; readonly path: string; readonly ref: string; readonly from: string; readonly to: string }
  | { readonly is: 'call'; readonly method: 'PUT' | 'PATCH' | 'DELETE'; readonly path: string; readonly body?: string }

/** What reading an answer may ask of the rest of the product. */
export interface AnswerVerbs {
  /** What policy would say to another action of the same task, unrecorded: it decides what is shown, and allows nothing. */
  foresee(action: Action): Effect
  /** From now on an action of this target is refused as `tool_changed`, or not any more. */
  setChanged(action: Pick<Action, 'id' | 'resource'>, isChanged: boolean): void
  /** Tells the operator what did not reach the caller. */
  noteHeldBack(what: string): void
  /** The target gave the task something to give back: what `stateParameter` then names it by. */
  bindState(name: string): void
  /** Tells the target something of Stint's own in place of its client, such as that what it asked is refused. */
  answerBack(message: Uint8Array): void
}

/** An answer's bytes on their way back. `push` throws `upstream_failed` for what cannot be read: the answer is broken off. */
export interface AnswerReader {
  push(chunk: Buffer): Buffer
  /** Answers what was held back. Throws nothing. */
  end(): Buffer
}

/** What the first message of a wire protocol says. Attacker-controlled. */
export interface SessionOpening {
  /** The name the client gave; the entrance logs in as another. */
  readonly user: string
  readonly database: string
  /** For SSH, whose client says who logs in only when a key signs: reaching the server, offering a certificate for `user`, signing with it. */
  readonly stage?: 'connect' | 'offer' | 'sign'
}

/** One operation and what `describe` must answer for it; drives the contract suite. */
export interface ConnectorSample {
  readonly operation: Partial<Operation> & Pick<Operation, 'method' | 'path'>
  readonly action: Pick<Action, 'id' | 'access' | 'resource'>
}

/**
 * One kind of target, in one file. Opens no sockets of its own. Attacker-controlled input: everything in `Operation`.
 * `describe` throws StintError `unknown_action` for what it cannot name; unknown is denied.
 */
export interface Connector {
  readonly kind: string
  /** One sentence for `stint target add --help` and docs/reference/connectors.md. */
  readonly summary: string
  /** How its hosts are spoken to; http and https when absent. */
  readonly schemes?: readonly Scheme[]
  readonly defaultHosts: readonly HostRule[]
  readonly defaultPlacement: Placement
  /** Environment variables tools look for; `stint run` sets them to a placeholder so that the tools start. */
  readonly placeholderVariables: readonly string[]
  /** Bytes of body `describe` must see to name the action; 0 for none. More body than this is never buffered. */
  bodyPrefix(operation: Operation, target: Target): number
  describe(operation: Operation, target: Target): Action
  /**
   * True for a path whose one segment with `%2F` this kind of target reads as data, never as structure. All other paths with an
   * escaped slash are refused. `describe` tells policies the segment decoded, as a parameter.
   */
  takesSlash?(path: string): boolean
  /**
   * Says a refusal as this kind of target would, for clients that show people no HTTP error; undefined where an HTTP error tells
   * enough. Throws nothing. The operation has the first bytes of its body where `bodyPrefix` asked for them.
   */
  speakRefusal?(operation: Operation, refusal: RefusalText): SpokenRefusal | undefined
  /** For people who are asked to consent: what a body says that they could not read themselves, in lines. Throws nothing. */
  tellBody?(operation: Operation): readonly string[]
  /** How a request waits for people, where the protocol has a way. The operation has all of its body. */
  readonly retry?: Retry
  /** Reads an answer before the caller does; undefined where its bytes pass as they are. Throws `upstream_failed` for one of no clear type. */
  readAnswer?(start: AnswerStart, target: Target, verbs: AnswerVerbs): AnswerReader | undefined
  /**
   * How an allowed act is undone, as its answer says: told by `note`, once for each thing that it did, before the answer's end is passed
   * on. Nothing is told of what the answer does not clearly say was done. The operation has the bytes of its body that `describe` saw.
   */
  undoOf?(start: AnswerStart, action: Action, note: (undo: Undo) => void): AnswerReader | undefined
  /** What the operator is to take before it is used: the tools of an MCP server, as it defines them now. Throws what asking it throws. */
  readPins?(asked: { readonly target: Target; readonly standing: Secret | undefined }, io: Io): Promise<readonly ToolPin[]>
  /** The header field, in lower case, that names a session of its server. Only the task that was given a session may name it. */
  readonly sessionField?: string
  /** The program that is the target, where it is one: nothing is dialled then. Throws `invalid_argument` for settings that do not go together. */
  programOf?(target: Target): Program | undefined
  /** The parameter of an action that names what its server gave the client to give back. Only the task that was given it may. */
  readonly stateParameter?: string
  /** Wraps the standing secret. There is this, or `minting`. */
  obtain?(input: ObtainInput): Promise<Obtained>
  /** Makes a credential for each task instead of wrapping the standing one. */
  readonly minting?: Minting
  /** What a target of one that wraps may be told; one that mints has its own in `minting`. */
  readonly settings?: Readonly<Record<string, Setting>>
  /** For a protocol that is not HTTP: names what opening a session does. Throws `unknown_action`. */
  describeSession?(opening: SessionOpening, target: Target): Action
  /** Names the shape of credential an action needs, where they differ: git takes basic auth, REST a header. One lease for each. */
  variant?(action: Action): string
  /** Drives test/contracts/connector.test.ts: known operations and one that must be refused. */
  readonly example: {
    readonly target: Target
    readonly known: readonly ConnectorSample[]
    readonly unknown: readonly ConnectorSample['operation'][]
    /** Openings of sessions, each with what `describeSession` must answer, or nothing when it must be refused. */
    readonly sessions?: readonly { readonly opening: SessionOpening; readonly action?: ConnectorSample['action'] }[]
  }
}
