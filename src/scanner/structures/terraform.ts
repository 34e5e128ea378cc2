import type { Field } from '../exports/item.ts'
import { inValue, spotsOf } from './in-value.ts'
import { readFields } from './read-fields.ts'
import type { Structure } from './structure.ts'

/** A state of Terraform or OpenTofu (version 4), which keeps in plain text what its configuration calls sensitive. */
export const terraform: Structure = {
  id: 'terraform-state-sensitive',
  provider: 'Terraform',
  title: 'sensitive value in a state',
  keywords: ['"sensitive_attributes"', '"sensitive": true', '"sensitive":true'],
  confidence: 'medium',
  source: 'https://developer.hashicorp.com/terraform/language/manage-sensitive-data',
  *find(text) {
    for (const fields of readFields(text, {})) {
      if (!fields.some(({ path }) => path.length === 1 && path[0] === 'terraform_version')) continue
      const sensitive = new Set([...attributesIn(fields), ...outputsIn(fields)])
      for (const field of fields) {
        if (isBelow(field.path, sensitive)) yield* spotsOf(text, field, inValue('password', field.text))
      }
    }
  },
}

/** The paths of the attributes that `sensitive_attributes` of their instance names: lists of steps `{ "type": "get_attr", "value": "password" }`. */
function attributesIn(fields: readonly Field[]): string[] {
  const steps = new Map<string, string[]>()
  for (const { path, text } of fields) {
    const [resources, , instances, , list] = path
    if (resources !== 'resources' || instances !== 'instances' || list !== 'sensitive_attributes') continue
    const key = JSON.stringify(path.slice(0, 6))
    const named = steps.get(key) ?? [...path.slice(0, 4), 'attributes']
    if (path[7] === 'value' && (path.length === 8 || path[8] === 'value')) steps.set(key, [...named, text])
  }
  return [...steps.values()].map((path) => JSON.stringify(path))
}

function outputsIn(fields: readonly Field[]): string[] {
  return fields.flatMap(({ path, text }) =>
    path.length === 3 && path[0] === 'outputs' && path[2] === 'sensitive' && text === 'true'
      ? [JSON.stringify([path[0], path[1], 'value'])]
      : [],
  )
}

/** True at one of these paths, and for what lies below it. */
function isBelow(path: readonly string[], paths: ReadonlySet<string>): boolean {
  if (paths.size === 0 || !['resources', 'outputs'].includes(path[0] ?? '')) return false
  return path.some((_, at) => paths.has(JSON.stringify(path.slice(0, at + 1))))
}
