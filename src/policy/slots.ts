import { preparse } from './cedar.ts'

/*
 * Cedar keeps what it has parsed under ids that live as long as the process and that nothing deletes. But parsing under an
 * id again frees what was there, so a fixed number of ids, used in turn, bounds it over any number of reloads.
 */
const MAX_SLOTS = 512
/** Parsed policies held at once, over all slots: about 2 KB each. One slice that is larger is held alone. */
const MAX_POLICIES = 20_000

interface Slot {
  readonly id: string
  readonly size: number
}

/** By what they hold, least recently used first. */
const slots = new Map<string, Slot>()
const free: string[] = Array.from({ length: MAX_SLOTS }, (_, number) => `slice-${number}`)
let held = 0

/**
 * The id under which Cedar holds the policies of `content`, parsing them if it does not. `content` must name the texts
 * exactly, over all policy sets of the process. The id is good until the next call.
 */
export function slotFor(content: string, size: number, texts: () => readonly string[]): string {
  const slot = slots.get(content)
  if (slot !== undefined) {
    slots.delete(content)
    slots.set(content, slot)
    return slot.id
  }
  const id = makeRoom(size)
  try {
    preparse(id, texts())
  } catch (error) {
    free.push(id)
    throw error
  }
  slots.set(content, { id, size })
  held += size
  return id
}

function makeRoom(size: number): string {
  for (const [content, slot] of slots) {
    if (free.length > 0 && held + size <= MAX_POLICIES) break
    slots.delete(content)
    held -= slot.size
    preparse(slot.id, [])
    free.push(slot.id)
  }
  const id = free.pop()
  if (id === undefined) throw new Error('no slot is free')
  return id
}
