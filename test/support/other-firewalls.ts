/** Other firewalls, each by its own programs, in a network namespace: see the script `other-firewalls`. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const script = new URL('other-firewalls', import.meta.url).pathname

/** What an init system would run, as the units of Debian's packages say. Each ends when it is done. */
export interface Firewall {
  readonly start: string
  readonly reload: string
  readonly stop: string
}

/** Until a command succeeds; some 20 s at most. */
const until = (command: string) =>
  `n=0; until ${command} >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 400 ] || exit 1; sleep 0.05; done`
const ended = (pidFile: string) =>
  `kill $(cat ${pidFile}); n=0; while kill -0 $(cat ${pidFile}) 2>/dev/null; do n=$((n + 1)); [ $n -lt 400 ] || exit 1; sleep 0.05; done`
const daemon = (name: string, command: string) =>
  `${command} >/tmp/${name}.log 2>&1 & echo $! >/tmp/${name}.pid`
const virsh = 'virsh -c network:///system'
/** A signal that comes before its loop runs ends it. */
const answers =
  'dbus-send --system --print-reply --reply-timeout=2000 --dest=org.fedoraproject.FirewallD1 /org/fedoraproject/FirewallD1 org.freedesktop.DBus.Peer.Ping'
const zones = 'nft list chain inet firewalld filter_FWD_public_allow'

export const firewalls = {
  'nftables.service': {
    start: 'nft -f /etc/nftables.conf',
    reload: 'nft -f /etc/nftables.conf',
    stop: 'nft flush ruleset',
  },
  ufw: {
    start: 'ufw --force enable',
    reload: 'ufw reload',
    stop: 'ufw disable',
  },
  docker: {
    // Whoever switches forwarding on answers for it: then its default is to drop.
    start: `echo 0 >/proc/sys/net/ipv4/ip_forward; ${daemon('docker', 'dockerd --storage-driver vfs')}; ${until('docker info')}`,
    reload: 'kill -HUP $(cat /tmp/docker.pid); docker network create more; docker network rm more',
    stop: ended('/tmp/docker.pid'),
  },
  libvirt: {
    start: `echo 'auth_unix_rw = "none"' >/run/libvirtd.conf; ${daemon('libvirt', 'libvirtd -f /run/libvirtd.conf')}; ${until(`${virsh} net-list`)}
      ${virsh} net-info default || ${virsh} net-define /usr/share/libvirt/networks/default.xml; ${virsh} net-start default`,
    // It writes the rules of its networks anew.
    reload: `kill -HUP $(cat /tmp/libvirt.pid); ${virsh} net-list`,
    stop: `${virsh} net-destroy default; ${ended('/tmp/libvirt.pid')}`,
  },
  // The last: those that find it on the bus would ask it for rules, which needs more of a system than there is here.
  firewalld: {
    start: `rm -f /run/dbus/pid; dbus-daemon --system --fork; ${daemon('firewalld', 'firewalld --nofork --nopid')}; ${until(answers)}; ${until(zones)}`,
    // Its units' own way. While it reloads it has a second table, which drops everything.
    reload: `nft add chain inet firewalld of-before; kill -HUP $(cat /tmp/firewalld.pid); ${until(
      `sh -c '${zones} && ! nft list chain inet firewalld of-before && ! nft list table inet firewalld_policy_drop'`,
    )}`,
    stop: `${ended('/tmp/firewalld.pid')}; kill $(cat /run/dbus/pid)`,
  },
} as const satisfies Record<string, Firewall>

/** Why they cannot run here; false when they can. Fetches them, and rejects where nothing may be skipped. */
export async function noFirewalls(): Promise<string | false> {
  const child = spawn(script, ['--fetch'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const [status] = await once(child, 'close')
  if (status === 0) return false
  const why = `other firewalls cannot be had: ${said.trim()}`
  if (process.env.CI) throw new Error(why)
  return why
}

export interface Shell {
  /** Runs a command of the shell, and answers what it printed. Rejects when it fails. */
  run(command: string): Promise<string>
  /** Ends whatever was started by it. */
  end(): Promise<void>
}

/** A shell in the namespace where their programs are. */
export async function openShell(netns: string): Promise<Shell> {
  const child = spawn(script, [netns, 'bash'], { stdio: ['pipe', 'pipe', 'pipe'] })
  const gone = once(child, 'close')
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      said += text
    })
  const shell: Shell = {
    async run(command) {
      said = ''
      child.stdin.write(`( ${command}\n) </dev/null 2>&1; printf '\\nstatus=%d.\\n' $?\n`)
      const signal = AbortSignal.timeout(60_000)
      for (;;) {
        const [whole, status] = /\nstatus=(\d+)\.\n$/.exec(said) ?? []
        if (whole !== undefined) {
          const output = said.slice(0, -whole.length)
          if (status !== '0') throw new Error(`${command}: status ${status}: ${output}`)
          return output
        }
        const [ended] = await Promise.race([
          once(child.stdout, 'data', { signal }).then(() => [false]),
          gone.then(() => [true]),
        ])
        if (ended) throw new Error(`${command}: the shell has ended: ${said}`)
      }
    },
    async end() {
      child.kill('SIGKILL')
      await gone
    },
  }
  await shell.run('true')
  return shell
}
