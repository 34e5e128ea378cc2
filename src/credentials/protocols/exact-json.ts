/** JSON of V8 that `lib.esnext` does not know yet (ECMAScript proposal "JSON.parse source text access", stage 4). */
const V8 = JSON as unknown as {
  parse(text: string, reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

/** Parses for a change of some members: `JSON.stringify` then writes each number as it was written, however long. Throws SyntaxError. */
export function parseExact(text: string): unknown {
  return V8.parse(text, (_name, value, { source }) =>
    typeof value === 'number' && source !== undefined ? V8.rawJSON(source) : value,
  )
}
