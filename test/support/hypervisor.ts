/** What an operator runs on hypervisors of `libvirt.ts`: a service on one of them, an agent on each, and libvirt's hook. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from './eventually.ts'
import type { Answered } from './lab.ts'
import type { Libvirt } from './libvirt.ts'
import { launch, listening, main, type Running, type Started } from './program.ts'

const portcullis = (...args: string[]) => [process.execPath, main, ...args]

/** Each call goes out from the hypervisor where the service is, as the operator; `inAccount`: on behalf of that account. */
export interface Operated extends Started {
  api(method: string, path: string, body?: unknown, inAccount?: string): Promise<Answered>
}

/** For everybody who reaches that address of the hypervisor. */
export async function startService(libvirt: Libvirt, address: string): Promise<Operated> {
  const data = join(libvirt.folder, 'data')
  const args = ['serve', '--listen', `${address}:0`, '--insecure', '--inventory', 'none', '--data', data]
  const service = await listening(launch([...libvirt.enter, ...portcullis(...args)], { cwd: libvirt.folder }))
  const token = (await readFile(join(data, 'operator.token'), 'utf8')).trim()
  return {
    ...service,
    async api(method, path, body, inAccount) {
      const headers = [
        `Authorization: Bearer ${token}`,
        ...(inAccount === undefined ? [] : [`On-Behalf-Of: ${inAccount}`]),
      ].flatMap((each) => ['-H', each])
      const sent = body === undefined ? [] : ['--json', JSON.stringify(body)]
      const curl = ['curl', '-sS', '-w', '\n%{http_code}', '-X', method]
      const said = await libvirt.mustRun([...curl, ...headers, ...sent, `${service.url}${path}`])
      const [status = '', ...lines] = said.split('\n').reverse()
      const text = lines.reverse().join('\n')
      return { status: Number(status), body: text === '' ? undefined : JSON.parse(text) }
    },
  }
}

/** Makes its credential at the first start; resolves when it enforces. It guards `vnet*`. */
export async function startAgent(libvirt: Libvirt, service: Operated, host: string): Promise<Running> {
  const at = (name: string) => join(libvirt.folder, name)
  if (!(await readFile(at('host.token')).catch(() => undefined))) {
    const made = await service.api('POST', `/v1/hosts/${host}/credentials`, {})
    assert.equal(made.status, 201, JSON.stringify(made))
    await writeFile(at('host.token'), made.body.token, { mode: 0o600 })
  }
  const its = ['--server', service.url, '--insecure', '--token-file', at('host.token'), '--host', host]
  const here = ['--guard', 'vnet*', '--state-directory', at('state'), '--socket', at('agent.sock')]
  const command = [...libvirt.enter, ...portcullis('agent', ...its, ...here, '--libvirt')]
  const agent = launch(command, { cwd: libvirt.folder })
  await eventually(`the agent enforces: ${agent.stderr()}`, () => /^enforcing/m.exec(agent.stdout())?.[0])
  return agent
}

export async function kill({ child }: Running): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.kill('SIGKILL')
  await ended
}

/** As docs/quickstart-libvirt.md has it. */
export const hookOf = (libvirt: Libvirt): string => `#!/bin/sh
case "$2" in
  start | migrate | reconnect | stopped) exec ${portcullis('hook', 'libvirt', '--socket', join(libvirt.folder, 'agent.sock'), '--').join(' ')} "$@" ;;
esac
`
