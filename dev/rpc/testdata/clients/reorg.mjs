// Both clients while the relay chain forks and retracts blocks of the parachain: each
// transaction is told as it goes, and in the end included exactly once.
import assert from 'node:assert/strict'
import { ApiPromise, WsProvider, Keyring } from '@polkadot/api'
import { createClient } from 'polkadot-api'
import { getPolkadotSigner } from 'polkadot-api/signer'
import { getWsProvider } from 'polkadot-api/ws'
import { WebSocket } from 'ws'

globalThis.WebSocket ??= WebSocket // Node.js has one of its own from version 22 on
const [endpoint] = process.argv.slice(2)
const provider = new WsProvider(endpoint)
const pjs = await ApiPromise.create({ provider, noInitWarn: true })
const client = createClient(getWsProvider(endpoint))
const papi = client.getUnsafeApi()
const keyring = new Keyring({ type: 'sr25519' })
const [alice, bob, charlie] = ['//Alice', '//Bob', '//Charlie'].map((uri) => keyring.addFromUri(uri))
const signer = getPolkadotSigner(bob.publicKey, 'Sr25519', (bytes) => bob.sign(bytes))
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const free = async () => (await pjs.query.system.account(charlie.address)).data.free.toBigInt()

// What the clients say of the best chain: a head that does not follow the last one.
let last, jumps = 0
await pjs.rpc.chain.subscribeNewHeads((head) => {
  if (last && head.parentHash.toHex() !== last && head.hash.toHex() !== last) jumps++
  last = head.hash.toHex()
})
const atHeight = new Map()
let replaced = 0
client.bestBlocks$.subscribe((blocks) => {
  for (const { number, hash } of blocks) {
    if (atHeight.has(number) && atHeight.get(number) !== hash) replaced++
    atHeight.set(number, hash)
  }
})

const viaPjs = async (nonce) => {
  const tx = await pjs.tx.balances.transferKeepAlive(charlie.address, 1_000n).signAsync(alice, { nonce, era: 0 })
  const seen = []
  return new Promise((resolve, reject) => {
    pjs.rpc.author.submitAndWatchExtrinsic(tx, (status) => {
      seen.push(status.type)
      if (status.isFinalized) resolve(seen)
      if (status.isInvalid || status.isDropped || status.isUsurped) reject(new Error(seen.join(' ')))
    }).catch(reject)
  })
}
const viaPapi = (nonce) => new Promise((resolve, reject) => {
  const seen = []
  papi.tx.Balances.transfer_keep_alive({ dest: { type: 'Id', value: charlie.address }, value: 1_000n })
    .signSubmitAndWatch(signer, { nonce }).subscribe({
      next: (e) => {
        if (e.type === 'txBestBlocksState') seen.push(e.found ? 'InBlock' : 'Retracted')
        if (e.type === 'finalized') resolve([...seen, 'Finalized'])
      },
      error: reject,
    })
})

const before = await free()
const sent = { pjs: [], papi: [] }
const retracted = (list) => list.filter((seen) => seen.includes('Retracted')).length
const told = { pjs: [], papi: [] }
const submit = (name, via) => {
  const done = via(sent[name].length).then((seen) => { told[name].push(seen); return seen })
  sent[name].push(done)
}
for (let round = 0; round < 8; round++) {
  for (let i = 0; i < 6; i++) {
    submit('pjs', viaPjs)
    if (sent.papi.length - told.papi.length < 16) submit('papi', viaPapi) // a connection may broadcast 16 at once
    await wait(100)
  }
  await provider.send('dev_forkRelay', [2])
  await wait(1000)
  if (told.pjs.length && told.papi.length && retracted(told.pjs) && retracted(told.papi)) break
}
for (const name of ['pjs', 'papi']) {
  const all = await Promise.all(sent[name])
  for (const seen of all) {
    const steps = seen.filter((s) => ['InBlock', 'Retracted', 'Finalized'].includes(s))
    // In a block, out of it, in again, final: in turn, and final only from within a block.
    assert.match(steps.join(' '), /^(InBlock Retracted )*InBlock Finalized$/, name + ': ' + seen)
  }
  console.log(`${name}: ${all.length} transfers, ${retracted(all)} retracted in between`)
  assert.ok(retracted(all) > 0, name + ' saw nothing retracted')
}
const count = sent.pjs.length + sent.papi.length
assert.equal(await free(), before + 1_000n * BigInt(count), 'each is included exactly once')
for (const [who, list] of [[alice, sent.pjs], [bob, sent.papi]]) {
  assert.equal((await pjs.query.system.account(who.address)).nonce.toNumber(), list.length)
}
assert.ok(jumps > 0 && replaced > 0, `heads that do not follow: ${jumps}, replaced: ${replaced}`)
console.log('heads: both clients saw the best chain change')
console.log('done: true')
process.exit(0)
