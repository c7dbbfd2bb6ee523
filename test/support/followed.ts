/** Pages whose blocks are run as they stand, and answer as they say. */
import assert from 'node:assert/strict'

/** Printed behind each block. */
const end = '== end of block =='

export interface Block {
  readonly commands: string
  /** What the page says that it prints; null: it does not say. */
  readonly answer: string | null
}

/** Shell blocks between two headings, each with the block of output right behind it. */
export function blocksOf(page: string, from: string, to?: string): Block[] {
  const start = page.indexOf(from)
  assert.ok(start >= 0, from)
  const part = page.slice(start, to === undefined ? undefined : page.indexOf(to, start))
  return [...part.matchAll(/```sh\n(.*?)```\n(?:\n```\n(.*?)```\n)?/gs)].map(([, commands = '', answer]) => ({
    commands,
    answer: answer ?? null,
  }))
}

/**
 * Commands succeed, but for those whose comment gives another exit status: `# 1`, `# exit status 1`, `# 1: why`. A packet is sent
 * again while it fares otherwise (`ping`, `arrives`): it is faster than rules, which are in force a moment after the answer.
 */
export function script(blocks: readonly Block[]): string {
  const lines = blocks.flatMap(({ commands }) => [
    ...commands.split('\n').map((line) => {
      const [, command, status] = /^(.*?)\s+# (?:exit status )?(\d)\b.*$/.exec(line) ?? []
      if (command === undefined) return line
      const once = `${command} && status=0 || status=$?`
      const sent = /(^| )(ping|arrives) /.test(command)
        ? `for try in {1..30}; do ${once}; [ $status = ${status} ] && break; sleep 1; done`
        : once
      return `${sent}; [ $status = ${status} ]`
    }),
    `echo '${end}'`,
  ])
  return [
    'set -e',
    'shopt -s expand_aliases',
    // A page that fails half-way leaves no service.
    `trap 'kill $(jobs -p) 2> /dev/null || true' EXIT`,
    // An error of the API is one of the command, and its answer ends its line.
    'curl() { local status=0; command curl -sS --fail-with-body "$@" || status=$?; echo; return $status; }',
    ...lines,
  ].join('\n')
}

/** Identifiers, ports, times, durations and widths of columns are others each time; an ellipsis stands for anything. */
function pattern(line: string): RegExp {
  const text = line
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[0-9a-f]{8}-(?:…|[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g, '[0-9a-f-]{36}')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+\\\.\d+Z/g, '[\\dT:.-]+Z')
    .replace(/(?<=[.\]]\S*:)\d{4,5}(?=\\\))/g, '\\d+')
    .replace(/\d+(?:\\\.\d+)? ms/g, '[\\d.]+ ms')
    .replace('pcl-lab-', 'pcl-\\w+-')
    .replace(/ {2,}/g, ' +')
    .replaceAll('…', '.*')
  return new RegExp(`^${text}$`)
}

/** What every block printed is what the page says, in order. `here`: how names of the page are spelled in this run. */
export function assertPrinted(
  blocks: readonly Block[],
  stdout: string,
  here: (text: string) => string = (text) => text,
): void {
  const printed = stdout.split(`${end}\n`)
  for (const [index, { answer }] of blocks.entries())
    if (answer !== null) assertLines(here(answer), printed[index] ?? '')
}

/** Every line is there, in order; what the page leaves out may stand between. */
function assertLines(answer: string, printed: string): void {
  const lines = printed.split('\n')
  let at = 0
  for (const line of answer.trimEnd().split('\n')) {
    const wanted = pattern(line)
    const found = lines.findIndex((each, index) => index >= at && wanted.test(each))
    assert.ok(found >= 0, `${line}\nis not in what was printed:\n${printed}`)
    at = found + 1
  }
}
