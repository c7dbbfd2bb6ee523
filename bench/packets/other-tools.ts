/** One policy for IPv4 towards the receiver, as other tools hold it. */
import type { Rule } from '../../src/core/model/rule.ts'
import { inside } from '../workshop.ts'
import type { Setting } from './router.ts'
import type { Shape } from './shapes.ts'
import { rangesOf } from './text.ts'

export interface Loader {
  readonly programs: readonly string[]
  /** Why it cannot hold a shape; undefined when it can. */
  cannot(shape: Shape): string | undefined
  load(netns: string, shape: Shape, setting: Setting): Promise<unknown>
}

const flat = ({ rules }: Setting) =>
  rules.flatMap((rule: Rule) =>
    rule.matches.map((match) => ({ ...rangesOf(match, 'ipv4'), action: rule.action })),
  )
const anything = () => undefined

const iptables = (flavour: 'nft' | 'legacy'): Loader => ({
  programs: [`iptables-${flavour}-restore`],
  cannot: anything,
  load: (netns, _, setting) =>
    inside(
      netns,
      [`iptables-${flavour}-restore`],
      filter(
        flat(setting).map(({ sources, destinations, ports, action }) =>
          [
            ...['-A vm -p udp', sources && `-s ${sources}`, destinations && `-d ${destinations}`],
            ...[ports && `--dport ${ports.replace('-', ':')}`, `-j ${target[action]}`],
          ]
            .filter(Boolean)
            .join(' '),
        ),
        setting,
      ),
    ),
})

const target = { allow: 'ACCEPT', deny: 'DROP', reject: 'REJECT' } as const
const filter = (rules: readonly string[], setting: Setting) =>
  `${['*filter', ':FORWARD ACCEPT', ':vm -', '-A FORWARD -o tap1 -j vm', ...rules, `-A vm -j ${target[setting.default]}`, 'COMMIT'].join('\n')}\n`

/** Types of sets; this kernel may lack the one of prefixes on both sides. */
const setTypes: Readonly<Record<string, { type: string; match: string }>> = {
  'cloud group': { type: 'hash:net,port', match: 'src,dst' },
  'block list': { type: 'hash:net', match: 'src' },
}

export const loaders: Readonly<Record<string, Loader>> = {
  'linear nft': {
    programs: ['nft'],
    cannot: anything,
    load: (netns, _, setting) => {
      const rules = flat(setting).map(({ sources, destinations, ports, action }) =>
        [
          sources && `ip saddr ${sources}`,
          destinations && `ip daddr ${destinations}`,
          ports ? `udp dport ${ports}` : 'meta l4proto udp',
          action === 'allow' ? 'accept' : 'drop',
        ]
          .filter(Boolean)
          .join(' '),
      )
      const last = setting.default === 'allow' ? 'accept' : 'drop'
      return inside(
        netns,
        ['nft', '-f', '-'],
        `table inet linear {\nchain vm {\n${[...rules, last].join('\n')}\n}\nchain forward {\ntype filter hook forward priority 0; policy accept;\noif "tap1" goto vm\n}\n}\n`,
      )
    },
  },
  'iptables (nft)': iptables('nft'),
  'iptables (legacy)': iptables('legacy'),
  'iptables (nft) with ipset': {
    programs: ['iptables-nft-restore', 'ipset'],
    cannot: ({ name }) =>
      setTypes[name] ? undefined : 'this kernel has no ipset of prefix, port and prefix',
    async load(netns, { name }, setting) {
      const { type = '', match = '' } = setTypes[name] ?? {}
      const elements = flat(setting).map(
        ({ sources, ports }) => `add policy ${sources}${ports ? `,udp:${ports}` : ''}`,
      )
      await inside(
        netns,
        ['ipset', 'restore'],
        `${[`create policy ${type} maxelem 65536`, ...elements].join('\n')}\n`,
      )
      const [first] = setting.rules
      const hit = `-A vm -p udp -m set --match-set policy ${match} -j ${target[first?.action ?? 'deny']}`
      await inside(netns, ['iptables-nft-restore'], filter([hit], setting))
    },
  },
}
