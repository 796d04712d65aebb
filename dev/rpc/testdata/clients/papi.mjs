// polkadot-api against a running chain: chainHead follow, queries with the runtime's own
// metadata, constants, runtime calls, a transaction until it is final.
import assert from 'node:assert/strict'
import { Keyring } from '@polkadot/keyring'
import { cryptoWaitReady } from '@polkadot/util-crypto'
import { createClient } from 'polkadot-api'
import { getPolkadotSigner } from 'polkadot-api/signer'
import { getWsProvider } from 'polkadot-api/ws'
import { WebSocket } from 'ws'

const [endpoint] = process.argv.slice(2)
await cryptoWaitReady()
const keyring = new Keyring({ type: 'sr25519' })
const [alice, bob] = ['//Alice', '//Bob'].map((uri) => keyring.addFromUri(uri))
const signer = getPolkadotSigner(alice.publicKey, 'Sr25519', (bytes) => alice.sign(bytes))
const say = (what, value) => console.log(what + ':', String(value))

globalThis.WebSocket ??= WebSocket // Node.js has one of its own from version 22 on
const client = createClient(getWsProvider(endpoint))
const api = client.getUnsafeApi()
const spec = await client.getChainSpecData()
say('chain', spec.name)
assert.equal(spec.genesisHash, await client._request('chain_getBlockHash', [0]))

// Best and final blocks go on.
await new Promise((resolve, reject) => {
  let last = 0, count = 0
  const following = client.finalizedBlock$.subscribe({
    next: (block) => {
      if (block.number <= last && count > 0) reject(new Error(`final block ${block.number} after ${last}`))
      last = block.number
      if (++count === 4) { following.unsubscribe(); resolve() }
    },
    error: reject,
  })
})
const [best] = await client.getBestBlocks()
const final = await client.getFinalizedBlock()
assert.ok(best.number >= final.number)
const body = await client.getBlockBody(final.hash)
assert.ok(body.length >= 2)
say('body', body.length)

const version = await api.apis.Core.version()
say('runtime', version.spec_name + ' ' + version.spec_version)
const free = async () => (await api.query.System.Account.getValue(bob.address, { at: 'best' })).data.free
const before = await free()
assert.ok((await api.query.System.Account.getEntries()).length >= 2)
assert.ok(await api.constants.Balances.ExistentialDeposit() > 0n)

const amount = 987_654_321_000n
const tx = api.tx.Balances.transfer_keep_alive({ dest: { type: 'Id', value: bob.address }, value: amount })
assert.ok(await tx.getEstimatedFees(alice.publicKey) > 0n)
const seen = []
await new Promise((resolve, reject) => {
  tx.signSubmitAndWatch(signer).subscribe({
    next: (e) => {
      seen.push(e.type + (e.type === 'txBestBlocksState' ? (e.found ? ' found' : ' not found') : ''))
      if (e.type === 'finalized') {
        assert.ok(e.ok, JSON.stringify(e.dispatchError))
        assert.ok(e.events.some((x) => x.type === 'Balances' && x.value.type === 'Transfer'))
        resolve()
      }
    },
    error: reject,
  })
})
say('transfer', seen.join(', '))
assert.equal(await free(), before + amount)

// A transaction that cannot be valid is refused.
const refused = await tx.signAndSubmit(signer, { nonce: 0 }).catch((e) => e)
assert.ok(refused instanceof Error)
say('outdated', refused.message)
say('done', true)
client.destroy()
process.exit(0)
