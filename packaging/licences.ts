/** The licences of all that is in the package: our own, Node's, and each npm package's. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Licensed {
  readonly name: string
  readonly version: string
  readonly licence: string
  /** In full. */
  readonly text: string
}

/** npm packages that a bundle took in, by the files that went into it. */
export function bundledPackages(inputs: readonly string[]): readonly string[] {
  const names = inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
  return [...new Set(names)].sort()
}

/** koffi's library for one processor is a part of koffi, and has no text of its own. */
const partOf = (name: string): string => (name.startsWith('@koromix/koffi-') ? 'koffi' : name)

/** Rejects where a package has no text of its licence: it may not be handed on without. */
export async function licensed(modules: string, name: string): Promise<Licensed> {
  const { version, license } = JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')) as {
    version: string
    license?: string
  }
  const text = (await ownText(join(modules, partOf(name)))) ?? (await suppliedText(`${name}@${version}`))
  if (license === undefined || text === undefined)
    throw new Error(`${name}@${version} has no text of its licence`)
  return { name, version, licence: license, text }
}

/** Shorter is a name or a link, and no licence. */
const least = 200

/** From files of their own; without them from the end of the package's page. */
async function ownText(folder: string): Promise<string | undefined> {
  const names = (await readdir(folder)).sort()
  const read = async (pattern: RegExp) =>
    Promise.all(
      names.filter((name) => pattern.test(name)).map((name) => readFile(join(folder, name), 'utf8')),
    )
  const files = await read(/^(licen[cs]e|copying)([.-].*)?$/i)
  const sections = (await read(/^readme\.md$/i)).map((page) => page.split(/^#+ licen[cs]e$/im)[1] ?? '')
  return [files.join('\n\n').trim(), sections.join('').trim()].find(({ length }) => length >= least)
}

/** Of packages that only name their licence: as it is where they say that it is. */
const suppliedText = (name: string): Promise<string | undefined> =>
  readFile(join(import.meta.dirname, 'licences', `${name.replace('/', '+')}.txt`), 'utf8').catch(
    () => undefined,
  )

/** What stands as `copyright` in the package's documentation. */
export function copyrightFile(all: readonly Licensed[]): string {
  const rule = '-'.repeat(100)
  return `${[
    'Portcullis, and what it is made of.',
    'Copyright: the authors of Portcullis\nLicense: Apache-2.0; on Debian its text is /usr/share/common-licenses/Apache-2.0.',
    `The program in /usr/lib/portcullis/dist is bundled of its own sources and of packages of npm; those in\n/usr/lib/portcullis/node_modules, and Node in /usr/lib/portcullis/bin, are as published. Of each its licence:`,
    ...all.map(({ name, version, licence, text }) =>
      [`${rule}\n${name} ${version} (${licence})`, licence === 'Apache-2.0' ? apache(text) : text].join(
        '\n\n',
      ),
    ),
  ].join('\n\n')}\n`
}

/** Debian has that text; what stands before and behind it is the package's own. */
function apache(text: string): string {
  const [before = '', rest = ''] = text.split(/^\s*Apache License\s*$/m)
  const [, behind = ''] = rest.split(/^\s*END OF TERMS AND CONDITIONS\s*$/m)
  const own = behind.match(/^\s*Copyright (?!\[).+$/gm) ?? []
  return [
    before.trim(),
    ...own.map((line) => line.trim()),
    'Its text is /usr/share/common-licenses/Apache-2.0.',
  ]
    .filter((part) => part !== '')
    .join('\n')
}
