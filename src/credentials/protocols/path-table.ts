/** What a path matched: the row’s value, and what stood in place of its parameters. */
export interface PathMatch<T> {
  readonly value: T
  readonly parameters: Readonly<Record<string, string>>
}

interface Node<T> {
  readonly literals: Map<string, Node<T>>
  parameter: { readonly name: string; readonly node: Node<T> } | undefined
  rest: { readonly name: string; readonly value: T } | undefined
  value: T | undefined
}

/**
 * Finds `METHOD /path` in rows like `GET /repos/{owner}/{repo}` or `GET /files/{path*}`, where a star takes one or more parts.
 * A literal part goes before a parameter. Attacker-controlled: the path; an empty part matches nothing.
 */
export function createPathTable<T>(
  rows: readonly (readonly [template: string, value: T])[],
): (method: string, path: string) => PathMatch<T> | undefined {
  const root = emptyNode<T>()
  for (const [template, value] of rows) insert(root, partsOf(template), value)
  return (method, path) => {
    const parts = partsOf(`${method} ${path}`)
    return parts.includes('') ? undefined : find(root, parts, 0, [])
  }
}

/** `GET /a/b` as `['GET ', 'a', 'b']`. */
function partsOf(text: string): string[] {
  return text.split('/')
}

function emptyNode<T>(): Node<T> {
  return { literals: new Map(), parameter: undefined, rest: undefined, value: undefined }
}

function insert<T>(root: Node<T>, parts: readonly string[], value: T): void {
  let node = root
  for (const part of parts) {
    const [, name = '', star = ''] = /^\{([a-z]+)(\*?)\}$/.exec(part) ?? []
    if (star !== '') {
      node.rest = { name, value }
      return
    }
    node = name === '' ? literal(node, part) : parameter(node, name)
  }
  if (node.value !== undefined) throw new Error(`two rows match ${parts.join('/')}`)
  node.value = value
}

function literal<T>(node: Node<T>, part: string): Node<T> {
  const next = node.literals.get(part) ?? emptyNode<T>()
  node.literals.set(part, next)
  return next
}

function parameter<T>(node: Node<T>, name: string): Node<T> {
  node.parameter ??= { name, node: emptyNode<T>() }
  if (node.parameter.name !== name) throw new Error(`one place, two names: ${node.parameter.name} and ${name}`)
  return node.parameter.node
}

type Found = readonly (readonly [name: string, value: string])[]

function find<T>(node: Node<T>, parts: readonly string[], at: number, found: Found): PathMatch<T> | undefined {
  const part = parts[at]
  if (part === undefined)
    return node.value === undefined ? undefined : { value: node.value, parameters: Object.fromEntries(found) }
  const next = node.literals.get(part)
  const byLiteral = next && find(next, parts, at + 1, found)
  if (byLiteral !== undefined) return byLiteral
  const { parameter, rest } = node
  const byParameter = parameter && find(parameter.node, parts, at + 1, [...found, [parameter.name, part]])
  if (byParameter !== undefined) return byParameter
  return rest && { value: rest.value, parameters: Object.fromEntries([...found, [rest.name, parts.slice(at).join('/')]]) }
}
