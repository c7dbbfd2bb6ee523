/**
 * Keeps one state after the other, until it is killed: `kept-writer.ts FILE RULES`. Says each revision when it is kept.
 */
import { writeSync } from 'node:fs'
import { createKeptFile } from '../../src/agent/kept/kept-file.ts'
import { openKeptState } from '../../src/agent/kept/kept-state.ts'
import { stepOf } from './kept-history.ts'

const [path = '', rules = '1'] = process.argv.slice(2)
const kept = await openKeptState({ file: createKeptFile(path), path, host: 'kvm', boot: 'boot' })
for (let revision = kept.state.desired.revision + 1; ; revision++) {
  const { news } = kept.state.apply(stepOf(revision, Number(rules)))
  kept.took(news)
  kept.bindings.set(`nic${revision}`, { device: `tap${revision}`, index: revision, address: null })
  kept.bindings.set(`nic${revision - 1}`, undefined)
  await kept.applied()
  writeSync(1, `${revision}\n`)
}
