/** True for a JSON Pointer (RFC 6901, section 3). */
export function isPointer(text: string): boolean {
  return /^(?:\/(?:[^~/]|~[01])*)*$/.test(text)
}

/** What a JSON Pointer points at (RFC 6901, section 4); undefined for nothing, and for what an object only inherits. */
export function pointAt(value: unknown, pointer: string): unknown {
  let at = value
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    if (Array.isArray(at) && !/^(?:0|[1-9]\d*)$/.test(name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}
