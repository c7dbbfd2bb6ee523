/** What `virsh` is asked, and what is made of what it prints: by a program in its place. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createVirsh, type Virsh } from './virsh.ts'

const idOf = (n: number) => `11111111-2222-4333-8444-${String(n).padStart(12, '0')}`
const { signal } = new AbortController()

/** `script` is what the program does, a shell's; its arguments are in a file. */
async function withVirsh(
  script: string,
  run: (virsh: Virsh, called: () => Promise<string[]>) => Promise<void>,
) {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-virsh-'))
  try {
    const [program, log] = [join(folder, 'virsh'), join(folder, 'log')]
    await writeFile(program, `#!/bin/sh\necho "$LC_ALL" "$@" >> ${log}\nfor text; do :; done\n${script}\n`)
    await chmod(program, 0o700)
    await run(createVirsh({ uri: 'qemu:///system', program }), async () =>
      (await readFile(log, 'utf8')).trim().split('\n'),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('what runs is listed with its names, on a connection that may only read', async () => {
  await withVirsh(
    `printf '${idOf(1)} web 1\\n${idOf(2)} %s  \\n\\n' "it's \\"a\\""`,
    async (virsh, called) => {
      assert.deepEqual(await virsh.running(signal), [
        { id: idOf(1), name: 'web 1' },
        { id: idOf(2), name: 'it\'s "a"' },
      ])
      assert.deepEqual(await called(), ['C --quiet --readonly --connect qemu:///system list --uuid --name'])
    },
  )
})

test('domains are asked for in few calls; those that fail are left out, the last one too', async () => {
  const each = `rest="$text; "
while [ -n "$rest" ]; do
  one="\${rest%%; *}"; rest="\${rest#*; }"
  case "$one" in
    echo*) printf %s "\${one#echo }";;
    *${idOf(7)}|*${idOf(119)}) echo "error: failed to get domain" >&2; failed=1;;
    dumpxml*) echo "<domain>\${one##* }</domain>"; failed=0;;
  esac
done
exit $failed`
  await withVirsh(each, async (virsh, called) => {
    const ids = Array.from({ length: 120 }, (_, n) => idOf(n))
    const found = await virsh.dump(ids, signal)
    const there = ids.filter((id) => ![idOf(7), idOf(119)].includes(id))
    assert.deepEqual(
      [...found],
      there.map((id) => [id, `<domain>${id}</domain>`]),
    )
    assert.equal((await called()).length, 3)
  })
})

test('no answer, too long an answer and a program that is not there are errors; one that is aborted is ended', async () => {
  await withVirsh('echo "error: failed to connect to the hypervisor" >&2; exit 1', async (virsh) => {
    await assert.rejects(virsh.running(signal), /failed to connect to the hypervisor/)
    await assert.rejects(virsh.dump([idOf(1)], signal), /failed to connect to the hypervisor/)
  })
  await withVirsh('exec yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', async (virsh) => {
    await assert.rejects(virsh.dump([idOf(1)], signal), /has said more than \d+ characters, and was killed/)
  })
  await assert.rejects(
    createVirsh({ uri: 'test:///default', program: '/nowhere/virsh' }).running(signal),
    /it is not installed/,
  )
  await withVirsh('exec sleep 60', async (virsh) => {
    const ending = new AbortController()
    const asked = virsh.running(ending.signal)
    ending.abort()
    await assert.rejects(asked, /is no longer wanted/)
  })
})

test('events name the domain that changed; what guests cause by themselves is passed over', async () => {
  const events = [
    "event 'lifecycle' for domain 'web': Started Booted",
    "event 'rtc-change' for domain 'web': 1",
    "event 'device-added' for domain 'it's: 'a'': net1",
    "event 'metadata-change' for domain 'db': element urn:portcullis:1",
    'error: something else',
    "event 'lifecycle' for domain strange",
  ]
  await withVirsh(`cat <<'END'\n${events.join('\n')}\nEND\nexec sleep 60`, async (virsh, called) => {
    const heard: (string | null)[] = []
    await new Promise<void>((resolve) => {
      const follower = virsh.follow((name) => {
        heard.push(name)
        if (heard.length < 5) return
        follower.stop()
        resolve()
      })
    })
    // The last: it has begun to listen, and something may have been missed before.
    assert.deepEqual(heard, ['web', "it's: 'a'", 'db', null, null])
    assert.deepEqual(await called(), ['C --quiet --readonly --connect qemu:///system event --all --loop'])
  })
})
