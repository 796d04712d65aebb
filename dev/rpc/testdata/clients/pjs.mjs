// @polkadot/api against a running chain: connect, query, subscribe, transfer, batch, upgrade.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ApiPromise, WsProvider, Keyring } from '@polkadot/api'

const [endpoint, codeFile] = process.argv.slice(2)
const api = await ApiPromise.create({ provider: new WsProvider(endpoint), noInitWarn: true })
const keyring = new Keyring({ type: 'sr25519' })
const alice = keyring.addFromUri('//Alice')
const bob = keyring.addFromUri('//Bob')
const say = (what, value) => console.log(what + ':', String(value))

say('chain', await api.rpc.system.chain())
say('runtime', api.runtimeVersion.specName + ' ' + api.runtimeVersion.specVersion)
assert.equal(api.genesisHash.toHex(), (await api.rpc.chain.getBlockHash(0)).toHex())

// Subscriptions: four heads that follow each other, storage as it changes.
await new Promise((resolve, reject) => {
  let last
  api.rpc.chain.subscribeNewHeads((head) => {
    if (last && head.number.toNumber() < last) reject(new Error(`head ${head.number} after ${last}`))
    last = head.number.toNumber()
    if (last >= 4) resolve()
  }).catch(reject)
})
const final = await api.rpc.chain.getFinalizedHead()
assert.ok((await api.rpc.chain.getBlock(final)).block.header.number.toNumber() >= 0)

const balance = async (who) => (await api.query.system.account(who)).data.free.toBigInt()

// send signs, submits and follows a transaction until it is final.
const send = (tx, signer, options = {}) => new Promise((resolve, reject) => {
  const seen = []
  tx.signAndSend(signer, options, ({ status, events, dispatchError, txHash }) => {
    seen.push(status.type)
    if (dispatchError) reject(new Error('dispatch error: ' + dispatchError))
    if (status.isFinalized) resolve({ seen, events, txHash, block: status.asFinalized })
    if (status.isInvalid || status.isDropped || status.isUsurped) reject(new Error(status.type))
  }).catch(reject)
})

const before = await balance(bob.address)
let watched
const unsubscribe = await api.query.system.account(bob.address, (account) => { watched = account.data.free.toBigInt() })
const amount = 123_456_789_000n
const done = await send(api.tx.balances.transferKeepAlive(bob.address, amount), alice)
say('transfer', done.seen.join(' '))
assert.deepEqual(done.seen, ['Ready', 'InBlock', 'Finalized'])
assert.ok(done.events.some(({ event }) => api.events.balances.Transfer.is(event)))
assert.equal(await balance(bob.address), before + amount)
for (let i = 0; i < 100 && watched !== before + amount; i++) await new Promise((r) => setTimeout(r, 50))
assert.equal(watched, before + amount, 'the subscription of the account')
unsubscribe()

const fee = await api.tx.balances.transferKeepAlive(bob.address, 1n).paymentInfo(alice)
say('fee', fee.partialFee.toBigInt() > 0n)

if (api.tx.utility?.batch) {
  const batch = await send(api.tx.utility.batch([1n, 2n].map((n) => api.tx.balances.transferKeepAlive(bob.address, n))), alice)
  say('batch', batch.events.some(({ event }) => event.method === 'BatchCompleted'))
} else say('batch', 'no pallet')

// Several at once, with nonces of the node's own counting.
const nonce = (await api.rpc.system.accountNextIndex(alice.address)).toNumber()
const many = await Promise.all([0, 1, 2].map((i) => send(api.tx.balances.transferKeepAlive(bob.address, 1n), alice, { nonce: nonce + i })))
assert.equal(many.length, 3)
await assert.rejects(send(api.tx.balances.transferKeepAlive(bob.address, 1n), alice, { nonce: 0 }), /1010: Invalid Transaction: Transaction is outdated/)
say('outdated', 'refused')

const state = await api.rpc.state.queryStorageAt([api.query.system.number.key()])
assert.equal(state.length, 1)
const keys = await api.rpc.state.getKeysPaged(api.query.system.account.keyPrefix(), 10)
assert.ok(keys.length >= 2)
const at = await api.at(done.block)
assert.equal((await at.query.system.account(bob.address)).data.free.toBigInt(), before + amount)

if (codeFile) {
  const was = api.runtimeVersion.specVersion.toNumber()
  const code = '0x' + readFileSync(codeFile).toString('hex')
  const version = new Promise((resolve) => {
    api.rpc.state.subscribeRuntimeVersion((v) => { if (v.specVersion.toNumber() !== was) resolve(v.specVersion.toNumber()) })
  })
  const set = api.tx.system.authorizeUpgrade
    ? api.tx.sudo.sudo(api.tx.system.authorizeUpgradeWithoutChecks((await import('@polkadot/util-crypto')).blake2AsHex(code)))
    : api.tx.sudo.sudo(api.tx.system.setCode(code))
  await send(set, alice)
  if (api.tx.system.authorizeUpgrade) await send(api.tx.system.applyAuthorizedUpgrade(code), alice)
  say('upgrade', was + ' to ' + (await version))
  for (let i = 0; i < 100 && api.runtimeVersion.specVersion.toNumber() === was; i++) await new Promise((r) => setTimeout(r, 50))
  assert.notEqual(api.runtimeVersion.specVersion.toNumber(), was)
  await send(api.tx.balances.transferKeepAlive(bob.address, 1n), alice)
}
say('done', true)
await api.disconnect()
process.exit(0)
