import type { Approval } from './approval.ts'

/** Who said no, and why where they said so: the start of a sentence. */
export function sayNo({ answers }: Pick<Approval, 'answers'>): string {
  const no = answers.find(({ said }) => said === 'no')
  return `${no?.by ?? 'Somebody'} said no${no?.reason === undefined ? '' : `, "${no.reason}"`}`
}
