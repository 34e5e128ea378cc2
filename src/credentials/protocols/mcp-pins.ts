import { createHash } from 'node:crypto'
import { isMembers, type Members } from '../../members.ts'
import type { Target } from '../../model.ts'
import type { ToolPin } from '../connector.ts'
import { listOf, settingOf } from './setting.ts'

/** A tool as its server defines it, by name and digest. */
export interface Pin {
  readonly name: string
  /** SHA-256 of the whole definition, in hex. */
  readonly digest: string
}

/** How the target's settings say a pin. */
export function spellPin({ name, digest }: Pin): string {
  return `${name}=${digest}`
}

/** What a definition is pinned by: all of it, since all of it is read by a model, in one spelling whatever the order of its members. */
export function pinOf(definition: Members): Pin | undefined {
  const { name } = definition
  if (typeof name !== 'string') return undefined
  return { name, digest: createHash('sha256').update(canonical(definition)).digest('hex') }
}

/** What taking a definition changes of what the operator has taken before. */
export function changeOf(pin: Pin, target: Target): ToolPin['change'] {
  const taken = listOf(target, 'pinned_tools')
  if (taken.includes(spellPin(pin))) return 'same'
  return taken.some((one) => nameIn(one) === pin.name) ? 'changed' : 'new'
}

/** Whether a tool may be called: one whose definition the operator has taken, or any where the target says `pins=off`. */
export function hasPin(name: string, target: Target): boolean {
  return settingOf(target, 'pins') === 'off' || listOf(target, 'pinned_tools').some((one) => nameIn(one) === name)
}

/** Whether this is the definition that the operator has taken. */
export function fitsPin(definition: Members, target: Target): boolean {
  if (settingOf(target, 'pins') === 'off') return true
  const pin = pinOf(definition)
  return pin !== undefined && listOf(target, 'pinned_tools').includes(spellPin(pin))
}

function nameIn(pin: string): string {
  return pin.slice(0, pin.lastIndexOf('='))
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isMembers(value)) return JSON.stringify(value)
  const names = Object.keys(value).toSorted()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}
