//! `varco serve witness`: a process of its own, with nothing of the comune but the log's key.

use std::convert::Infallible;
use std::path::Path;

use tempfile::TempDir;
use varco::data_folder::ports;
use varco_tests::program::Program;
use varco_tlog::checkpoint::Checkpoint;
use varco_tlog::cosignature::CosignerKey;
use varco_tlog::hash::Hash;
use varco_tlog::note::Signer;
use varco_tlog::proof::prove_consistency;
use varco_tlog::tree::Tree;
use varco_witness::client::{Cosignature, Error, WitnessClient};

use crate::PROGRAM;
use crate::roles::serve;

const ORIGIN: &str = "c_z999.audit/gw1/2026";

fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn leaves() -> Vec<Hash> {
    (0..=255).map(|entry| Hash::leaf(&[entry])).collect()
}

/// Asks to cosign the log's head at a size.
async fn ask(client: &WitnessClient, old: u64, new: u64) -> Result<Cosignature, Error> {
    let tree: Tree = leaves()
        .into_iter()
        .take(usize::try_from(new).unwrap())
        .collect();
    let head = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: new,
        root: tree.root(),
    };
    let proof = prove_consistency(old, new, |_| Ok::<_, Infallible>(leaves())).unwrap();
    client
        .add_checkpoint(old, &proof, &head.sign(&signer()).unwrap())
        .await
}

/// Writes the configuration of a witness: nothing but its section.
fn configure(folder: &Path, lines: &str) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("varco.toml"), format!("[witness]\n{lines}")).unwrap();
}

fn logs() -> String {
    let vkey = signer().vkey();
    format!("logs = [{{ vkey = \"{vkey}\", years = \"all\" }}]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_witness_keeps_what_it_has_said() {
    let place = TempDir::new().unwrap();
    let folder = place.path().join("witness");
    let port = ports::free_port_base().unwrap();
    let listen = format!("listen = \"127.0.0.1:{port}\"\n{}", logs());
    configure(&folder, &listen);
    let address = format!("http://127.0.0.1:{port}");
    let mut said = 0;

    for cycle in 0..5 {
        let running = serve("witness", &folder);
        let vkey = said_key(&folder, &address).await;
        let client = WitnessClient::new(&address, vkey, None).unwrap();
        let conflict = ask(&client, 0, 1).await;
        match (cycle, conflict) {
            (0, Ok(_)) => said = 1,
            (_, Err(Error::Conflict(size))) => {
                assert!(size == said || size == said + 1, "{size} after {said}");
                said = size;
            }
            (_, other) => panic!("{other:?}"),
        }
        for _ in 0..3 {
            ask(&client, said, said + 1).await.unwrap();
            said += 1;
        }
        // The last one is on its way when the process dies.
        let (_, code) = tokio::join!(ask(&client, said, said + 1), async {
            tokio::task::spawn_blocking(|| running.end("KILL")).await
        });
        assert_eq!(code.unwrap(), None);
    }
}

/// The key that the running witness tells, which is the one in its folder.
async fn said_key(folder: &Path, address: &str) -> CosignerKey {
    assert!(folder.join("witness.key").exists());
    let answer = reply(&format!("{address}/vkey")).await;
    answer.trim_end().parse().unwrap()
}

pub(crate) async fn reply(address: &str) -> String {
    use http_body_util::{BodyExt as _, Empty};
    use hyper_util::client::legacy::Client;
    use hyper_util::rt::TokioExecutor;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let response = client.get(address.parse().unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn witness_that_cannot_be_trusted_does_not_start() {
    let place = TempDir::new().unwrap();
    let refused = async |name: &str, lines: &str| {
        let folder = place.path().join(name);
        configure(&folder, lines);
        let config = folder.join("varco.toml");
        let program = Program::new(PROGRAM, &folder);
        let arguments = ["serve", "witness", "--config", config.to_str().unwrap()];
        program.refused(&arguments).await
    };
    let free = "listen = \"127.0.0.1:0\"\n";

    let no_logs = refused("no-logs", free).await;
    let outside = refused("outside", &format!("listen = \"0.0.0.0:0\"\n{}", logs())).await;
    let half = refused(
        "half",
        &format!("{free}certificate = \"tls.pem\"\n{}", logs()),
    )
    .await;
    let torn = logs().replace("+A", "+B");
    let torn = refused("torn", &format!("{free}{torn}")).await;
    let unknown = refused("unknown", &format!("{free}porta = 1\n{}", logs())).await;

    assert!(no_logs.contains("witness.logs is empty"), "{no_logs}");
    assert!(
        outside.contains("plain HTTP may not leave this machine"),
        "{outside}"
    );
    assert!(half.contains("belong together"), "{half}");
    assert!(
        torn.contains("entry 1 is no Ed25519 verifier key"),
        "{torn}"
    );
    assert!(unknown.contains("porta"), "{unknown}");
}
