import { parentPort, workerData } from 'node:worker_threads'
import type { Located } from './content.ts'
import { createDetection, type Detect, reachOf } from './detector.ts'
import { createFingerprint, type Place, previewOf, type Sighting } from './finding.ts'
import type { Skipped, WorkerReport, WorkerSetup } from './job.ts'
import { createOpener, isPacked } from './look-into.ts'
import { detectBoth } from './own/beside-known.ts'
import { createOwnDetector, type GiveUp, OWN_REACH } from './own/own-detector.ts'
import { type GiveUpWords, markMatches } from './own/words.ts'
import { skimPack } from './packs/skim.ts'
import type { PathSink } from './path-sink.ts'
import { RULES } from './rules/index.ts'
import { scanFiles } from './scan-files.ts'
import { scanInput } from './scan-input.ts'
import { scanObjects } from './scan-objects.ts'
import { scanTexts } from './scan-texts.ts'
import { STRUCTURES } from './structures/index.ts'
import { CHECKS } from './verify/checks.ts'
import { MOST_TOLD } from './verify/told-secrets.ts'

/** One worker of a scan: it sees secrets, and tells their fingerprints. */
const { key, work, tellsSecrets, own } = workerData as WorkerSetup
const rules = Object.values(RULES).flat()
const giveUp: GiveUp = ({ id, provider }, why) => say({ kind: 'given-up', skipped: { what: `rule ${id} of ${provider}`, why } })
const giveUpWords: GiveUpWords = ({ name }, why) => say({ kind: 'given-up', skipped: { what: name, why } })
const { detect: detectKnown, glance, nearBytes } = createDetection(rules, STRUCTURES)
const detect = withOwn(detectKnown)
const open = createOpener(detect, Math.max(reachOf(rules), own.rules.length === 0 ? 0 : OWN_REACH))
const fingerprint = createFingerprint(Buffer.from(key))
const PROGRESS_MS = 100

function withOwn(known: Detect): Detect {
  const both = own.rules.length === 0 ? known : detectBoth(known, createOwnDetector(own.rules, giveUp))
  return own.words.length === 0 ? both : markMatches(both, own.words, giveUpWords)
}

type Where = Pick<Place, 'path' | 'object' | 'commit'>

let progress = { items: 0, bytes: 0, at: 0 }
const say = (report: WorkerReport): void => parentPort?.postMessage(report)

function sight({ rule, secret, line, column, member, where, marks = [] }: Located, file: Where): Sighting {
  const { id, provider, title, confidence } = rule
  const facts = rule.facts?.(secret) ?? {}
  const path = member === undefined ? {} : { path: `${file.path ?? ''}${member}` }
  const place = { ...file, ...path, line, column, ...(where !== undefined && { where }), ...(marks.length > 0 && { marks }) }
  return { rule: id, provider, title, confidence, fingerprint: fingerprint(secret), preview: previewOf(secret), facts, place }
}

const skipped = (one: Skipped): void => say({ kind: 'skipped', skipped: one })

const sink = {
  skipped,
  read(items: number, bytes: number): void {
    progress = { ...progress, items: progress.items + items, bytes: progress.bytes + bytes }
    const now = performance.now()
    if (now - progress.at < PROGRESS_MS) return
    tell(now)
  },
}

function tell(now: number): void {
  const { items, bytes } = progress
  say({ kind: 'progress', items, bytes })
  progress = { items: 0, bytes: 0, at: now }
}

/** Fingerprints whose secrets were told. */
const told = new Set<string>()

/** Tells a secret that somebody can be asked about. */
function tellSecret({ rule, secret }: Located): void {
  if (told.size >= MOST_TOLD || !Object.hasOwn(CHECKS, rule.id)) return
  const name = fingerprint(secret)
  if (told.has(name)) return
  told.add(name)
  say({ kind: 'secret', fingerprint: name, secret })
}

function found(located: readonly Located[], file: Where): void {
  if (tellsSecrets) for (const one of located) tellSecret(one)
  if (located.length > 0) say({ kind: 'found', sightings: located.map((one) => sight(one, file)) })
}

const pathSink: PathSink = {
  ...sink,
  open: (path) => open((member, why) => skipped({ what: `${path}${member}`, why }), path),
  found: (path, located) => found(located, { path }),
}

if (work.kind === 'git')
  await scanObjects(work, {
    ...sink,
    unread: (object, why) => say({ kind: 'unread', object, why }),
    open: (id) => open((member, why) => skipped({ object: id, what: `object ${id}${member}`, why })),
    found: ({ id, type }, located) => found(located, { object: id, ...(type === 'commit' && { commit: id }) }),
  })
else if (work.kind === 'pack') skimPack(work, { ...sink, isPacked, glance, around: nearBytes })
else if (work.kind === 'files') await scanFiles(work, pathSink)
else if (work.kind === 'texts') scanTexts(work, pathSink)
else await scanInput(work, process.stdin, pathSink)
tell(performance.now())
