import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type Claims, certify, makeKey, writeCertificate } from '../../../src/credentials/protocols/ssh-certificate.ts'
import { decodePublicKey, encodePublicKey, signSsh, verifySsh } from '../../../src/credentials/protocols/ssh-keys.ts'
import { readPrivateKey } from '../../../src/credentials/protocols/ssh-private-key.ts'
import { string } from '../../../src/credentials/protocols/ssh-wire.ts'
import { asStintError } from '../../../src/errors.ts'
import { Secret } from '../../../src/secret.ts'
import { temporaryDirectory } from '../../store/temporary.ts'

const skip = existsSync('/usr/bin/ssh-keygen') ? false : 'ssh-keygen is not installed (Debian: apt-get install openssh-client)'

/** A private key file as ssh-keygen writes it, and its public line. */
async function generate(t: TestContext, ...flags: string[]) {
  const path = join(await temporaryDirectory(t), 'key')
  execFileSync('ssh-keygen', ['-q', '-N', '', '-C', 'ca', '-f', path, ...flags])
  return { path, text: readFileSync(path, 'utf8'), publicLine: readFileSync(`${path}.pub`, 'utf8') }
}

const TYPES = [
  ['ed25519', ['-t', 'ed25519'], 'ssh-ed25519'],
  ['ecdsa', ['-t', 'ecdsa', '-b', '256'], 'ecdsa-sha2-nistp256'],
  ['rsa', ['-t', 'rsa', '-b', '2048'], 'rsa-sha2-512'],
] as const

describe('a user certificate', { skip }, () => {
  for (const [type, flags, algorithm] of TYPES)
    test(`signed by a CA of ${type} is what ssh-keygen reads of it`, async (t) => {
      const { path, text, publicLine } = await generate(t, ...flags)
      const claims: Claims = {
        ...{ keyId: 'lease_abcdef', principal: 'deploy', validAfter: 1_800_000_000_000, validBefore: 1_800_000_600_999 },
        critical: { 'source-address': '10.0.0.0/8,::1/128', 'force-command': '/bin/echo "a b"' },
        extensions: ['permit-pty', 'permit-X11-forwarding', 'permit-pty'],
      }
      const certificate = certify(makeKey(), claims, readPrivateKey(new Secret(text)))
      writeFileSync(`${path}-cert.pub`, writeCertificate(certificate, 'lease_abcdef'))
      const shown = execFileSync('ssh-keygen', ['-L', '-f', `${path}-cert.pub`], {
        env: { ...process.env, TZ: 'UTC' },
        encoding: 'utf8',
      })
      const fingerprint = execFileSync('ssh-keygen', ['-l', '-f', `${path}.pub`], { encoding: 'utf8' }).split(' ')[1]
      const lines = shown.split('\n').map((line) => line.trim())
      assert.equal(lines[1], 'Type: ssh-ed25519-cert-v01@openssh.com user certificate')
      assert.match(
        lines[3] ?? '',
        new RegExp(`^Signing CA: [A-Z0-9]+ ${fingerprint?.replaceAll(/[+/]/g, '\\$&')} \\(using ${algorithm}\\)$`),
      )
      assert.equal(lines[4], 'Key ID: "lease_abcdef"')
      assert.match(lines[5] ?? '', /^Serial: [1-9][0-9]{9,19}$/)
      assert.equal(lines[6], 'Valid: from 2027-01-15T08:00:00 to 2027-01-15T08:10:00')
      assert.deepEqual(lines.slice(7, 15), [
        ...['Principals:', 'deploy', 'Critical Options:', 'force-command /bin/echo "a b"', 'source-address 10.0.0.0/8,::1/128'],
        ...['Extensions:', 'permit-X11-forwarding', 'permit-pty'],
      ])
      assert.ok(certificate.includes(Buffer.from(publicLine.split(' ')[1] ?? '', 'base64')), 'it names its CA')
    })
})

describe('a key', { skip }, () => {
  for (const [type, flags, algorithm] of TYPES)
    test(`of ${type} is read from OpenSSH’s file and from PEM, written as ssh-keygen writes it, and signs what only it signs`, async (t) => {
      const { text, publicLine } = await generate(t, ...flags)
      const key = readPrivateKey(new Secret(text))
      const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString()
      for (const one of [key, readPrivateKey(new Secret(pem))]) {
        const blob = encodePublicKey(createPublicKey(one))
        assert.equal(blob.toString('base64'), publicLine.split(' ')[1])
        assert.ok(decodePublicKey(blob).equals(createPublicKey(one)))
        for (let i = 0; i < 20; i += 1) {
          const [data, signature] = [Buffer.of(i), signSsh(one, Buffer.of(i))] // ECDSA’s numbers are of several lengths
          assert.equal(verifySsh(algorithm, blob, data, signature), true)
          assert.equal(verifySsh(algorithm, blob, Buffer.of(i + 1), signature), false)
        }
      }
    })

  test('that is encrypted, short, of another kind or none is refused without a word of it', async (t) => {
    const sealed = await generate(t, '-t', 'ed25519')
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'passphrase', '-f', sealed.path])
    const cut = (await generate(t, '-t', 'ed25519')).text.replace(/\n.{20}/, '\n')
    const [, base64 = ''] = /KEY-----\n([^-]*)/.exec((await generate(t, '-t', 'ed25519')).text) ?? []
    const file = Buffer.from(base64, 'base64')
    const check = file.lastIndexOf('ssh-ed25519') - 8 // two numbers that are equal, and a length, are before it
    const changed = `-----BEGIN OPENSSH PRIVATE KEY-----\n${file.fill(file.readUInt8(check) ^ 1, check, check + 1).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----`
    const p384 = (await generate(t, '-t', 'ecdsa', '-b', '384')).text
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString()
    const x25519 = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const text of [readFileSync(sealed.path, 'utf8'), cut, changed, p384, short, x25519, 'S3CRET password', '']) {
      const thrown = (() => {
        try {
          return void readPrivateKey(new Secret(text))
        } catch (caught) {
          return asStintError(caught)
        }
      })()
      assert.equal(thrown?.code, 'credential_missing', text.slice(0, 60))
      assert.ok(thrown.cause === undefined && !String(thrown.stack).includes('S3CRET'))
    }
    assert.throws(() => readPrivateKey(undefined), { code: 'credential_missing' })
  })

  test('and a signature that are none are refused, whatever the bytes', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const [blob, data] = [encodePublicKey(publicKey), Buffer.from('data')]
    const signature = signSsh(privateKey, data)
    const isTaken = (...given: Parameters<typeof verifySsh>): boolean => {
      try {
        return verifySsh(...given)
      } catch (thrown) {
        assert.ok(thrown instanceof Error)
        return false
      }
    }
    fc.assert(
      fc.property(fc.nat(signature.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(signature)
        changed[at] = (changed[at] ?? 0) ^ change
        assert.equal(isTaken('ecdsa-sha2-nistp256', blob, data, changed), false)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        assert.equal(isTaken('ecdsa-sha2-nistp256', bytes, data, signature), false)
        assert.equal(isTaken('ecdsa-sha2-nistp256', blob, data, bytes), false)
      }),
    )
    const renamed = Buffer.concat([string('ssh-ed25519'), signature.subarray(4 + 'ecdsa-sha2-nistp256'.length)])
    for (const one of [signature, renamed]) assert.equal(isTaken('ssh-ed25519', blob, data, one), false)
  })
})
