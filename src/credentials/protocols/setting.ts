import type { Target } from '../../model.ts'

/** One value of a target's settings; empty when there is none. */
export function settingOf({ settings = {} }: Pick<Target, 'settings'>, name: string): string {
  const value = Object.hasOwn(settings, name) ? settings[name] : undefined
  return typeof value === 'string' ? value : ''
}

/** All values of a list; none when it is not there. */
export function listOf({ settings = {} }: Pick<Target, 'settings'>, name: string): readonly string[] {
  const value = Object.hasOwn(settings, name) ? settings[name] : undefined
  return Array.isArray(value) ? value : []
}
