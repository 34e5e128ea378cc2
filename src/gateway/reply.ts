/** The answering side of one exchange with a client, the same over HTTP/1.1 and HTTP/2. Headers and trailers are flat lists. */
export interface Reply {
  /** True once a status line went out: a refusal can no longer be told. */
  readonly started: boolean
  /** The client can still receive. */
  readonly open: boolean
  /** Trailers can be sent after this response. */
  readonly takesTrailers: boolean
  /** RFC 9110, section 10.1.1: tells the client to send its body. */
  sendContinue(): void
  /** Throws when the head cannot be written as HTTP. */
  start(status: number, reason: string, headers: string[]): void
  /** Sends what `start` was given now, where the body may be long in coming; else it waits for the first of it. */
  sendHead(): void
  /** False asks to wait for `whenDrained`. */
  write(chunk: Uint8Array): boolean
  /** `last` is the whole rest of the body: a small one leaves together with the head. */
  end(trailers: readonly string[], last?: Buffer): void
  /** Breaks off so that no client takes what it has for complete. */
  reset(): void
  whenDrained(resume: () => void): void
  /** Runs once when it is over; `complete` when everything was handed to the operating system. */
  whenClosed(closed: (complete: boolean) => void): void
}
