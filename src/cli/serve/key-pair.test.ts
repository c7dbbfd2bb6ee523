import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { certificatesIn, noOpenssl } from '../../../test/support/certificates.ts'
import { run } from '../../../test/support/postgresql.ts'
import { type KeyPairFiles, readKeyPair } from './key-pair.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-key-pair-'))
after(() => rmSync(folder, { recursive: true, force: true }))

describe('a certificate and its key', { skip: noOpenssl }, () => {
  const certificates = certificatesIn(folder)
  const { at, joined } = certificates
  const root = certificates.authority('root')
  const between = certificates.authority('between', root)
  const leaf = certificates.make('leaf', { names: 'DNS:localhost,IP:127.0.0.1', by: between })
  const other = certificates.make('other', { by: root })

  test('are read as a chain, with what is to be told of them', async () => {
    const read = await readKeyPair({ ...leaf, cert: joined('chain', leaf.cert, between.cert) })
    assert.ok(read.ok)
    assert.equal(read.value.names, 'DNS:localhost, IP Address:127.0.0.1')
    assert.equal(read.value.notAfter - read.value.notBefore, 2 * 86_400_000)
    assert.deepEqual(read.value.warnings, [])
    assert.equal(read.value.cert.match(/BEGIN CERTIFICATE/g)?.length, 2)
  })

  test('may stand in one file, between other text', async () => {
    const both = joined('both', leaf.key, leaf.cert)
    assert.ok((await readKeyPair({ cert: both, key: both })).ok)
    writeFileSync(
      at('told'),
      `subject=leaf\n${run('openssl', ['x509', '-in', leaf.cert, '-text'], folder)}\n`,
    )
    assert.ok((await readKeyPair({ ...leaf, cert: at('told') })).ok)
  })

  test('what clients object to is told', async () => {
    const warnings = async (files: KeyPairFiles) => {
      const read = await readKeyPair(files)
      return read.ok ? read.value.warnings : read.error
    }
    assert.deepEqual(await warnings(other), ['it names no host (subjectAltName), and clients refuse it'])
    assert.deepEqual(await warnings({ ...leaf, cert: joined('gap', leaf.cert, root.cert) }), [
      'certificate 2 in it did not issue the one before',
    ])
  })

  describe('are refused in one line', () => {
    const cases: Record<string, [() => KeyPairFiles, RegExp]> = {
      'no such certificate': [
        () => ({ ...leaf, cert: '/nowhere.pem' }),
        /^--tls-cert \/nowhere\.pem: there is no such file$/,
      ],
      'no such key': [() => ({ ...leaf, key: '/nowhere' }), /^--tls-key \/nowhere: there is no such file$/],
      'the key of another certificate': [
        () => ({ ...leaf, key: other.key }),
        /^--tls-key .*other\.key: it is the key of another certificate than the first one of .*leaf\.pem$/,
      ],
      'a chain that begins with the authority': [
        () => ({ ...leaf, cert: joined('reversed', between.cert, leaf.cert) }),
        /^--tls-cert .*reversed: the certificate of the key has to be the first one in it$/,
      ],
      'the two exchanged': [
        () => ({ cert: leaf.key, key: leaf.cert }),
        /^--tls-cert .*leaf\.key: there is no certificate in it: PEM is expected$/,
      ],
      'no key in it': [
        () => ({ ...leaf, key: leaf.cert }),
        /^--tls-key .*leaf\.pem: there is no private key in it: PEM is expected$/,
      ],
      'a key that is encrypted': [
        () => {
          const locked = ['-aes256', '-passout', 'pass:word', '-out', at('locked')]
          run('openssl', ['pkey', '-in', leaf.key, ...locked], folder)
          return { ...leaf, key: at('locked') }
        },
        /^--tls-key .*locked: the key is encrypted, .*openssl pkey/,
      ],
      'a key that is encrypted as of old': [
        () => {
          const locked = ['-aes256', '-passout', 'pass:word', '-out', at('old')]
          run('openssl', ['ec', '-in', leaf.key, ...locked], folder)
          return { ...leaf, key: at('old') }
        },
        /^--tls-key .*old: the key is encrypted/,
      ],
      'a certificate that was cut': [
        () => {
          writeFileSync(at('cut'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
          return { ...leaf, cert: at('cut') }
        },
        /^--tls-cert .*cut: a certificate in it cannot be read$/,
      ],
      'a key that was cut': [
        () => {
          writeFileSync(at('cut.key'), '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n')
          return { ...leaf, key: at('cut.key') }
        },
        /^--tls-key .*cut\.key: the key in it cannot be read$/,
      ],
      'a key that is too short': [
        () => {
          const [cert, key] = [at('short.pem'), at('short.key')]
          const about = ['-newkey', 'rsa:512', '-nodes', '-keyout', key, '-subj', '/CN=short', '-out', cert]
          run('openssl', ['req', '-x509', ...about], folder)
          return { cert, key }
        },
        /^--tls-cert .*short\.pem: OpenSSL does not take it: ee key too small$/,
      ],
      'what is not text': [
        () => {
          writeFileSync(at('der'), Buffer.from([0x30, 0x82, 0xff, 0xfe]))
          return { ...leaf, cert: at('der') }
        },
        /^--tls-cert .*der: it is not UTF-8 text$/,
      ],
    }
    for (const [name, [files, complaint]] of Object.entries(cases)) {
      test(name, async () => {
        const read = await readKeyPair(files())
        assert.match(read.ok ? 'it was taken' : read.error, complaint)
      })
    }
  })
})
