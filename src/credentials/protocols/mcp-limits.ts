import type { Operation, Target } from '../../model.ts'
import type { Setting } from '../minting.ts'
import { settingOf } from './setting.ts'

const MIB = 1024 * 1024
/** Bytes of a message that any target's settings may have read. */
export const HIGHEST_MESSAGE = 16 * MIB

/** What one message and one answer may have: each is read whole, and held in memory meanwhile. */
export const LIMIT_SETTINGS = {
  max_message_mib: {
    summary: 'MiB that a message to the server has fewer of, 1 to 16; 1 when it is not said.',
    required: false,
    isList: false,
    pattern: /^(?:[1-9]|1[0-6])$/,
  },
  max_answer_mib: {
    summary: 'MiB that one event, or one answer that is a single JSON text, has at most, 1 to 64; 16 when it is not said.',
    required: false,
    isList: false,
    pattern: /^(?:[1-9]|[1-5][0-9]|6[0-4])$/,
  },
} as const satisfies Readonly<Record<string, Setting>>

/** Bytes of a message that are read to decide: it has fewer, or is refused. */
export function messageBytes(target: Target): number {
  return Number(settingOf(target, 'max_message_mib') || 1) * MIB
}

/** Bytes of one answer that is read whole; UTF-16 code units of one event. */
export function answerBytes(target: Target): number {
  return Number(settingOf(target, 'max_answer_mib') || 16) * MIB
}

/** A message is read whole or refused. */
export function bodyPrefix({ method }: Operation, target: Target): number {
  return method === 'POST' ? messageBytes(target) : 0
}
