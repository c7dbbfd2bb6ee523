/** Machines on which libc cannot be called. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const module = new URL('libc.ts', import.meta.url).href

/** What loading it there ends with. */
function load(preparation: string): string {
  const program = `
    import { registerHooks } from 'node:module'
    ${preparation}
    const { loadLibc } = await import(${JSON.stringify(module)})
    for (let i = 0; i < 2; i++) await loadLibc().then(() => console.log('loaded'), (e) => console.log(e.name + ': ' + e.message))`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
}

test('it is loaded here', () => {
  assert.equal(load(''), 'loaded\nloaded\n')
})

test('without koffi, or where koffi does not run, it says so each time', () => {
  const said = 'LibraryError: libc cannot be called: koffi is not installed, or does not run here\n'
  const fail = (name: string) => `registerHooks({ resolve(specifier, context, next) {
    if (specifier.startsWith('${name}')) throw new Error('no such package')
    return next(specifier, context)
  } })`
  assert.equal(load(fail('koffi')), said + said)
})

test('on another processor it is not tried', () => {
  assert.match(
    load(`Object.defineProperty(process, 'arch', { value: 's390x' })`),
    /^LibraryError: no sockets of the kernel on linux s390x\n/,
  )
})
