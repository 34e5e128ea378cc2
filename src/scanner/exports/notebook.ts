import { joined, member, type Shape } from './shape.ts'

const KINDS: ReadonlySet<string> = new Set(['code', 'markdown', 'raw'])

/** A notebook of Jupyter (nbformat.readthedocs.io, "The Notebook file format"): its cells, with what they put out. */
export const notebook: Shape = {
  members: [member('cell_type'), member('source')],
  unescape: String,
  where(get, { number }) {
    const kind = get('cell_type') ?? ''
    return KINDS.has(kind) ? joined(`cell ${number}`, kind) : undefined
  },
}
