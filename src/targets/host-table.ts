import type { HostRule } from '../model.ts'

/** Finds what a host belongs to. Rules never overlap, so the order of looking does not matter. */
export interface HostTable<T> {
  add(rule: HostRule, value: T): void
  remove(value: T): void
  find(scheme: string, host: string, port: number): T | undefined
  /** A value that has a rule matching some host that `rule` matches too. */
  overlapping(rule: HostRule): T | undefined
}

interface Entry<T> {
  readonly rule: HostRule
  readonly value: T
}

/** An empty table. A rule’s host is exact, or `*.suffix` for one or more labels before the suffix. */
export function createHostTable<T>(): HostTable<T> {
  const exact = new Map<string, Entry<T>[]>()
  const bySuffix = new Map<string, Entry<T>[]>()
  return {
    add(rule, value) {
      const [map, key] = rule.host.startsWith('*.') ? [bySuffix, rule.host.slice(2)] : [exact, rule.host]
      map.set(key, [...(map.get(key) ?? []), { rule, value }])
    },
    remove(value) {
      for (const map of [exact, bySuffix]) drop(map, value)
    },
    find(scheme, host, port) {
      const found = pick(exact.get(host), scheme, port)
      return found === undefined && bySuffix.size > 0 ? findBySuffix(scheme, host, port) : found
    },
    overlapping(rule) {
      const entries = [...exact.values(), ...bySuffix.values()].flat()
      return entries.find((entry) => overlap(entry.rule, rule))?.value
    },
  }

  function findBySuffix(scheme: string, host: string, port: number): T | undefined {
    for (let dot = host.indexOf('.'); dot > 0; dot = host.indexOf('.', dot + 1)) {
      const found = pick(bySuffix.get(host.slice(dot + 1)), scheme, port)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function pick<T>(entries: readonly Entry<T>[] | undefined, scheme: string, port: number): T | undefined {
  return entries?.find(({ rule }) => rule.scheme === scheme && rule.port === port)?.value
}

function drop<T>(map: Map<string, Entry<T>[]>, value: T): void {
  for (const [key, entries] of map) {
    const left = entries.filter((entry) => entry.value !== value)
    if (left.length > 0) map.set(key, left)
    else map.delete(key)
  }
}

function overlap(a: HostRule, b: HostRule): boolean {
  if (a.scheme !== b.scheme || a.port !== b.port) return false
  return a.host === b.host || covers(a.host, b.host) || covers(b.host, a.host)
}

/** `*.b.c` covers `a.b.c` and `*.a.b.c`. */
function covers(wide: string, narrow: string): boolean {
  return wide.startsWith('*.') && narrow.endsWith(wide.slice(1))
}
