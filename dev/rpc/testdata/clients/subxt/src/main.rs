// subxt against a running chain: queries with the runtime's own metadata, final blocks, a
// transfer until it is final.
use subxt::{dynamic, OnlineClient, PolkadotConfig};
use subxt_signer::sr25519::dev;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).unwrap_or("ws://127.0.0.1:9944".into());
    let api = OnlineClient::<PolkadotConfig>::from_insecure_url(url).await?;
    println!("runtime: {}", api.runtime_version().spec_version);
    let bob = dev::bob().public_key();
    let query = dynamic::storage("System", "Account", vec![dynamic::Value::from_bytes(bob.0)]);
    let before = api.storage().at_latest().await?.fetch(&query).await?.unwrap().to_value()?;
    let mut blocks = api.blocks().subscribe_finalized().await?;
    for _ in 0..3 {
        let block = blocks.next().await.unwrap()?;
        println!("final: #{} with {} extrinsics", block.number(), block.extrinsics().await?.len());
    }
    let tx = dynamic::tx("Balances", "transfer_keep_alive", vec![
        dynamic::Value::unnamed_variant("Id", vec![dynamic::Value::from_bytes(bob.0)]),
        dynamic::Value::u128(123_456_789_000),
    ]);
    let events = api.tx().sign_and_submit_then_watch_default(&tx, &dev::alice()).await?.wait_for_finalized_success().await?;
    println!("transfer: {} events", events.iter().count());
    let after = api.storage().at_latest().await?.fetch(&query).await?.unwrap().to_value()?;
    println!("changed: {}", before.to_string() != after.to_string());
    Ok(())
}
