import { StringDecoder } from 'node:string_decoder'

const SAMPLE_BYTES = 512

/** The order of bytes of what is UTF-16: by its mark (RFC 2781, section 3.2), or because nearly every second byte of its beginning is zero. */
export function utf16Of(bytes: Buffer): 'little' | 'big' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'little'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'big'
  if (bytes[0] !== 0 && bytes[1] !== 0) return undefined
  const sample = bytes.subarray(0, Math.min(SAMPLE_BYTES, bytes.length & ~1))
  if (sample.length < 8) return undefined
  const zeroes = [0, 0]
  for (let i = 0; i < sample.length; i += 1) if (sample[i] === 0) zeroes[i & 1] = (zeroes[i & 1] ?? 0) + 1
  const [even = 0, odd = 0] = zeroes.map((count) => count / (sample.length / 2))
  if (odd >= 0.9 && even <= 0.1) return 'little'
  return even >= 0.9 && odd <= 0.1 ? 'big' : undefined
}

/** Turns UTF-16 in parts of any size into UTF-8, without the mark. */
export function createDecoder(order: 'little' | 'big'): (part: Buffer) => Buffer {
  const decoder = new StringDecoder('utf16le')
  let carried = Buffer.alloc(0)
  let isStart = true
  const swap = (part: Buffer): Buffer => {
    const bytes = Buffer.concat([carried, part])
    const whole = bytes.length & ~1
    carried = Buffer.from(bytes.subarray(whole))
    return bytes.subarray(0, whole).swap16()
  }
  return (part) => {
    const text = decoder.write(order === 'big' ? swap(part) : part)
    const from = isStart && text.startsWith('\ufeff') ? 1 : 0
    if (text !== '') isStart = false
    return Buffer.from(text.slice(from))
  }
}
