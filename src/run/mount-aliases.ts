import { isWithin } from './paths.ts'

/** One line of /proc/self/mountinfo (proc(5)): which part of which filesystem stands where. */
interface Mount {
  readonly device: string
  readonly root: string
  readonly point: string
}

/**
 * Every other path under which bind mounts show the same file or directory. `mountinfo` is the text of /proc/self/mountinfo;
 * `path` is absolute and free of symlinks.
 */
export function aliasesOf(path: string, mountinfo: string): string[] {
  const mounts = mountinfo.split('\n').flatMap(readMount)
  const home = mounts.filter(({ point }) => isWithin(path, point)).reduce<Mount | undefined>(deepest, undefined)
  if (home === undefined) return []
  const inner = join(home.root, path, home.point)
  const found = mounts.filter(({ device }) => device === home.device).flatMap((mount) => seenAt(inner, mount))
  return [...new Set(found)].filter((alias) => alias !== path)
}

function readMount(line: string): Mount[] {
  const [, , device, root, point] = line.split(' ')
  if (device === undefined || root === undefined || point === undefined) return []
  return [{ device, root: decode(root), point: decode(point) }]
}

/** Later mounts cover earlier ones at the same place. */
function deepest(best: Mount | undefined, mount: Mount): Mount {
  return best === undefined || mount.point.length >= best.point.length ? mount : best
}

function seenAt(inner: string, mount: Mount): string[] {
  if (isWithin(inner, mount.root)) return [join(mount.point, inner, mount.root)]
  return isWithin(mount.root, inner) ? [mount.point] : []
}

/** `path`, moved from under `from` to under `onto`. */
function join(onto: string, path: string, from: string): string {
  const rest = from === '/' ? path : path.slice(from.length)
  const whole = `${onto === '/' ? '' : onto}${rest === '/' ? '' : rest}`
  return whole === '' ? '/' : whole
}

function decode(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
