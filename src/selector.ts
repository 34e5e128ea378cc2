import type { Action, Caller, Selector, Target, Task } from './model.ts'

/** What a selector is held against. A connection that carries no exchange yet has no target. */
export interface Subject {
  readonly caller: Caller
  readonly task: Task
  readonly target?: Target
  readonly action?: Action
}

/** Ids of the tasks above a task, nearest first: what covers a parent covers its children (G7). */
export type Ancestors = (task: Task) => readonly string[]

/** `task:task_1`, `all`: how a selector is written in the log and shown to people, and the key it is found by. */
export function nameOf(selector: Selector): string {
  return selector.kind === 'all' ? 'all' : `${selector.kind}:${selector.id}`
}

/** The names of all selectors that cover the subject. The one place that knows what a selector means. */
export function namesCovering({ caller, task, target }: Subject, ancestors: Ancestors): string[] {
  const names = ['all', `task:${task.id}`, `caller:${caller.id}`, `caller:${task.workload}`, `owner:${task.owner}`]
  for (const id of ancestors(task)) names.push(`task:${id}`)
  for (const id of caller.actors) names.push(`caller:${id}`)
  if (target !== undefined) names.push(`target:${target.id}`)
  if (target?.credentialId !== undefined) names.push(`credential:${target.credentialId}`)
  return names
}

/** Whether the selector covers the subject. One of an unknown kind covers nothing here: parsing has refused it before. */
export function covers(selector: Selector, subject: Subject, ancestors: Ancestors): boolean {
  return namesCovering(subject, ancestors).includes(nameOf(selector))
}
