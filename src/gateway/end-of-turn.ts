let left: (() => void)[] = []

/** Does `work`, which must not throw, at the end of this turn of the event loop, together with all else that was left for it, in order. */
export function atEndOfTurn(work: () => void): void {
  if (left.push(work) === 1) setImmediate(workOff)
}

function workOff(): void {
  const all = left
  left = []
  for (const work of all) work()
}
