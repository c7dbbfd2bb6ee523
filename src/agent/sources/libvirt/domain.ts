/**
 * The parts of a libvirt domain's XML that say whose devices are whose, and what its metadata want made of it:
 *
 *     <metadata>
 *       <portcullis:server xmlns:portcullis="urn:portcullis:1" account="acme" profile="native" policies="web ssh">
 *         <portcullis:interface mac="52:54:00:11:22:33" address="192.0.2.10 2001:db8::10"/>
 *       </portcullis:server>
 *     </metadata>
 */
import { SaxesParser, type SaxesTagNS } from 'saxes'
import { isDeviceName } from '../../../core/model/link.ts'
import { maxDomainLength } from '../../../core/model/local.ts'
import { formatAddress, parseAddress } from '../../../core/net/address.ts'
import { type Mac, parseMac } from '../../../core/net/mac.ts'
import { err, ok, type Result } from '../../../core/result.ts'
import type { Labels } from '../source.ts'

/** Of the elements in a domain's metadata that are ours. */
export const metadataNamespace = 'urn:portcullis:1'

export interface Domain {
  /** Its UUID, in lower case with hyphens. */
  readonly id: string
  readonly name: string
  /** Those with a MAC. */
  readonly interfaces: readonly DomainInterface[]
  /** Absent: its metadata do not speak of us. An error: why nothing of them holds, their addresses included. */
  readonly adoption?: Result<NonNullable<Labels['adoption']>>
}

export interface DomainInterface {
  readonly mac: Mac
  /** Its name on the host; null: it has none, or none yet. */
  readonly device: string | null
  /** Which of the domain's interfaces it is, from 1 on; those without a MAC count. */
  readonly index: number
  /** Canonical text, from the metadata. */
  readonly addresses: readonly string[]
}

/** Strict: what is no whole XML document of a domain is an error, and so are a document type and entities other than XML's own. */
export function parseDomain(xml: string): Result<Domain> {
  if (xml.length > maxDomainLength) return err(`the XML is longer than ${maxDomainLength} characters`)
  const found = createFound()
  const parser = new SaxesParser({ xmlns: true })
  const path: string[] = []
  let text = ''
  parser.on('error', (error) => {
    throw error
  })
  parser.on('doctype', () => {
    throw new Error('a document type is not allowed')
  })
  parser.on('opentag', (tag) => {
    path.push(tag.uri === '' ? tag.local : `{${tag.uri}}${tag.local}`)
    if (path.length > maxDepth) throw new Error(`elements are nested more than ${maxDepth} deep`)
    text = ''
    found.open(path.join('/'), tag)
  })
  parser.on('text', (more) => {
    text += more
  })
  parser.on('closetag', () => {
    found.close(path.join('/'), text.trim())
    path.pop()
  })
  try {
    parser.write(xml).close()
  } catch (error) {
    return err(`no XML of a domain: ${error instanceof Error ? error.message : error}`)
  }
  return found.domain()
}

const maxDepth = 64
/** Of one domain; what is said of each takes time that all others wait for. */
const mostInterfaces = 1000
const ours = (name: string) => `{${metadataNamespace}}${name}`
const serverPath = `domain/metadata/${ours('server')}`

/** What has been read so far, by the path of each element. */
function createFound() {
  let id = ''
  let name = ''
  const interfaces: { mac?: Mac; device: string | null }[] = []
  let server: ReturnType<typeof attributesOf> | undefined
  const named: ReturnType<typeof attributesOf>[] = []
  const faults: string[] = []

  const openers: Readonly<Record<string, (tag: SaxesTagNS) => void>> = {
    'domain/devices/interface'() {
      interfaces.push({ device: null })
    },
    'domain/devices/interface/mac'(tag) {
      const mac = parseMac(attributesOf(tag).get('address') ?? '')
      const last = interfaces.at(-1)
      if (mac.ok && last) last.mac = mac.value
    },
    'domain/devices/interface/target'(tag) {
      const device = attributesOf(tag).get('dev') ?? ''
      const last = interfaces.at(-1)
      // A port of a switch in user space, say, is no device.
      if (last && isDeviceName(device)) last.device = device
    },
    [serverPath](tag) {
      if (server) faults.push('<server> is there twice')
      server = attributesOf(tag)
    },
    [`${serverPath}/${ours('interface')}`](tag) {
      named.push(attributesOf(tag))
    },
  }

  return {
    open(path: string, tag: SaxesTagNS): void {
      const opener = openers[path]
      if (opener) opener(tag)
      else if (path.startsWith(`${serverPath}/`) && tag.uri === metadataNamespace)
        faults.push(`<${tag.local}> is not known`)
      else if (path === `domain/metadata/${ours(tag.local)}`)
        faults.push(`<${tag.local}> is not known; expected <server>`)
    },
    close(path: string, text: string): void {
      if (path === 'domain/uuid') id = text.toLowerCase()
      if (path === 'domain/name') name = text
    },
    domain(): Result<Domain> {
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return err('the domain has no UUID')
      if (name === '') return err('the domain has no name')
      if (interfaces.length > mostInterfaces)
        return err(`the domain has more than ${mostInterfaces} interfaces`)
      const known = interfaces.flatMap(({ mac, device }, at) =>
        mac === undefined ? [] : [{ mac, device, index: at + 1 }],
      )
      if (!server && faults.length === 0)
        return ok({ id, name, interfaces: known.map((each) => ({ ...each, addresses: [] })) })
      const read = readServer(server ?? new Map(), named, new Set(known.map(({ mac }) => mac)))
      faults.push(...read.faults)
      const [first] = faults
      return ok({
        ...{ id, name },
        interfaces: known.map((each) => ({
          ...each,
          addresses: first === undefined ? (read.addresses.get(each.mac) ?? []) : [],
        })),
        adoption: first === undefined ? ok(read.adoption) : err(`<metadata>: ${first}`),
      })
    },
  }
}

/** By name; those of other namespaces are others'. */
const attributesOf = (tag: SaxesTagNS): ReadonlyMap<string, string> =>
  new Map(
    Object.values(tag.attributes)
      .filter(({ uri }) => uri === '' || uri === metadataNamespace)
      .map(({ local, value }) => [local, value]),
  )

function readServer(
  server: ReadonlyMap<string, string>,
  named: readonly ReadonlyMap<string, string>[],
  macs: ReadonlySet<Mac>,
) {
  const faults = [
    ...unknown('server', server, ['account', 'profile', 'policies']),
    ...named.flatMap((each) => unknown('interface', each, ['mac', 'address'])),
  ]
  const word = (key: string): string => {
    const value = server.get(key)?.trim() ?? ''
    if (value === '') faults.push(`<server> has no ${key}`)
    if (value.length > maxWord) faults.push(`${key} is longer than ${maxWord} characters`)
    return value
  }
  const adoption = {
    account: word('account'),
    profile: word('profile'),
    policies: listed(server, 'policies'),
  }
  if (adoption.policies.some((each) => each.length > maxWord))
    faults.push(`policies has an id of more than ${maxWord} characters`)
  const addresses = new Map<Mac, readonly string[]>()
  for (const each of named) {
    const mac = parseMac(each.get('mac') ?? '')
    if (!mac.ok) faults.push(`<interface> mac: ${mac.error}`)
    else if (!macs.has(mac.value)) faults.push(`no interface of the domain has the MAC ${mac.value}`)
    else if (addresses.has(mac.value)) faults.push(`<interface mac='${mac.value}'> is there twice`)
    else {
      const parsed = listed(each, 'address').map(parseAddress)
      for (const address of parsed) if (!address.ok) faults.push(`<interface> address: ${address.error}`)
      addresses.set(
        mac.value,
        parsed.flatMap((address) =>
          address.ok ? [formatAddress(address.value.family, address.value.value)] : [],
        ),
      )
    }
  }
  return { adoption, addresses, faults }
}

/** Characters of a name or id. */
const maxWord = 128

const listed = (attributes: ReadonlyMap<string, string>, key: string): readonly string[] =>
  (attributes.get(key) ?? '').split(/\s+/).filter((each) => each !== '')

const unknown = (element: string, attributes: ReadonlyMap<string, string>, allowed: readonly string[]) =>
  [...attributes.keys()]
    .filter((key) => !allowed.includes(key))
    .map((key) => `<${element}> has an attribute that is not known: ${key.slice(0, maxWord)}`)
