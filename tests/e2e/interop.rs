//! The official gRPC interoperability cases give through the gateway what they give without it.
//!
//! Each runs with tonic and with grpcio, straight to the service and through the gateway, where the
//! service is registered by a file as anybody's would be.

use std::process::Command;

use serde_json::Value;
use varco_runtime::client::Gateway;
use varco_tests::comune::Comune;
use varco_tests::foreign::{installed, scripts};
use varco_tests::interop::Interop;
use varco_tests::interop::caller::Caller;
use varco_tests::interop::seen::Seen;
use varco_tests::registration::{CLIENT, Ids, PURPOSE, Registration};

use crate::PROGRAM;

mod cases;
mod compressed;
mod right;

#[tokio::test(flavor = "multi_thread")]
async fn tonic_sees_the_same_through_the_gateway() {
    let town = Town::start().await;

    for case in cases::NAMES {
        let direct = cases::run(case, &town.direct(), &town.interop).await;
        let through = cases::run(case, &town.through().await, &town.interop).await;
        alike(case, direct, through);
    }

    town.comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tonic_sees_the_same_through_the_gateway_with_compression() {
    let town = Town::start().await;

    for case in compressed::NAMES {
        let direct = compressed::run(case, &town.direct()).await;
        let through = compressed::run(case, &town.through().await).await;
        alike(case, direct, through);
    }

    town.comune.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_sees_the_same_through_the_gateway() {
    grpcio_sees_the_same(cases::NAMES).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grpcio_sees_the_same_through_the_gateway_with_compression() {
    grpcio_sees_the_same(compressed::NAMES).await;
}

async fn grpcio_sees_the_same(cases: &[&str]) {
    let Some(python) = installed("VARCO_TEST_PYTHON") else {
        return;
    };
    let town = Town::start().await;
    let grpcio = |more: Vec<String>| {
        let mut command = Command::new(&python);
        command.arg(scripts().join("python/interop.py"));
        command.arg("--descriptor-set");
        command.arg(town.registration.descriptor_set());
        command.args(more).args(cases);
        printed(command)
    };

    let direct = grpcio(vec![
        "--target".to_owned(),
        town.interop.address().to_string(),
    ]);
    let through = grpcio(town.arguments().await);

    for case in cases {
        alike(case, seen(&direct, case), seen(&through, case));
    }
    // What was cancelled has been cancelled behind the gateway too.
    town.interop.open(0).await;
    town.comune.stop().await;
}

/// Asserts that a case gave what the official description asks for, and the same both ways.
fn alike(case: &str, direct: Vec<Seen>, through: Vec<Seen>) {
    right::check(case, &direct);
    right::check(case, &through);
    if right::TOLD_BY_WHOEVER_IS_FIRST.contains(&case) {
        let essence = |seen: Vec<Seen>| seen.into_iter().map(Seen::essence).collect::<Vec<_>>();
        assert_eq!(essence(through), essence(direct), "{case}");
    } else {
        assert_eq!(through, direct, "{case}");
    }
}

/// A comune, and the service registered there by a file.
struct Town {
    comune: Comune,
    interop: Interop,
    registration: Registration,
    gateway: Gateway,
}

impl Town {
    async fn start() -> Self {
        let comune = Comune::start().await;
        let interop = Interop::start();
        let registration = Registration::write(interop.foreign(), comune.config());
        let file = registration.file();
        let apply = ["apply", "-f", file.to_str().unwrap()];
        let applied = comune.program(PROGRAM).json(&apply).await;
        registration.leave(&Ids::of(&applied), comune.config());
        let gateway = comune.client(CLIENT);
        Self {
            comune,
            interop,
            registration,
            gateway,
        }
    }

    fn direct(&self) -> Caller {
        Caller::direct(self.interop.address())
    }

    async fn through(&self) -> Caller {
        Caller::through(self.gateway.bare(), &self.voucher().await)
    }

    async fn voucher(&self) -> String {
        self.gateway.voucher(PURPOSE).await.unwrap().token
    }

    /// What a program of another language needs to call through the gateway.
    async fn arguments(&self) -> Vec<String> {
        let address = self.comune.config().gateway_address();
        let folder = self.comune.client_folder(CLIENT);
        let file = |name: &str| folder.join(name).display().to_string();
        let arguments = [
            ("--target", address.replace("https://", "")),
            ("--ca", self.comune.ca().display().to_string()),
            ("--cert", file("tls.pem")),
            ("--key", file("tls.key")),
            (
                "--authorization",
                format!("Bearer {}", self.voucher().await),
            ),
        ];
        let arguments = arguments.into_iter();
        arguments
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

/// Runs a program, and gives the JSON that it printed.
fn printed(mut command: Command) -> Value {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn seen(printed: &Value, case: &str) -> Vec<Seen> {
    let calls = printed[case].as_array().unwrap();
    calls.iter().map(Seen::printed).collect()
}
