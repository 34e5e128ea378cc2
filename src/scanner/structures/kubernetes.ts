import type { Field } from '../exports/item.ts'
import { inValue, spotsOf } from './in-value.ts'
import { readFields } from './read-fields.ts'
import type { Structure } from './structure.ts'

/** A Secret of Kubernetes (v1): `data` is in base 64, `stringData` is not. The secret is what its program gets, so that it is known in other places too. */
export const kubernetes: Structure = {
  id: 'kubernetes-secret',
  provider: 'Kubernetes',
  title: 'value of a Secret',
  keywords: ['kind: secret', 'kind: "secret', "kind: 'secret", '"kind": "secret"', '"kind":"secret"'],
  confidence: 'medium',
  source: 'https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/secret-v1/',
  *find(text) {
    for (const fields of readFields(text, { yaml: /^[ -]{0,12}kind:[ \t]*["']?Secret["']?[ \t]*\r?$/m })) {
      for (const field of valuesIn(fields)) {
        yield* spotsOf(text, field, inText(field.path.at(-1) ?? '', decode(field)))
      }
    }
  },
}

/** What the Secrets of a document hold, also of those in a List. */
function valuesIn(fields: readonly Field[]): Field[] {
  const secrets = new Set(
    fields.flatMap(({ path, text }) => (path.at(-1) === 'kind' && text === 'Secret' ? [folderOf(path, 1)] : [])),
  )
  return fields.filter(({ path }) => ['data', 'stringData'].includes(path.at(-2) ?? '') && secrets.has(folderOf(path, 2)))
}

function folderOf(path: readonly string[], steps: number): string {
  return JSON.stringify(path.slice(0, -steps))
}

/** Of a key that is bytes and no text, what stands there. */
function decode({ path, text }: Field): string {
  if (path.at(-2) !== 'data') return text
  const decoded = Buffer.from(text, 'base64').toString('latin1')
  return /^[\t\n\r -~]*$/.test(decoded) ? decoded : text
}

/** A whole file may be a value: then each line of it names its own. */
function* inText(name: string, text: string): Generator<string> {
  const lines = text.trim().split(/\r?\n/)
  if (lines.length === 1 || text.trim().startsWith('{')) return yield* inValue(name, text.trim())
  for (const line of lines) {
    const [, own, value = ''] =
      /^\s*(?:export )?["']?([A-Za-z][\w.-]{0,80})["']?\s{0,4}[:=]\s{0,4}["']?([^\s"']+)["']?;?$/.exec(line) ?? []
    if (own !== undefined) yield* inValue(own, value)
  }
}
