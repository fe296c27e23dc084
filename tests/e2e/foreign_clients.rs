//! OAuth libraries that nobody here wrote get vouchers from a running town.
//!
//! Authlib and oauth4webapi are used unmodified, by the scripts of `tests/clients`; `.ci/run`
//! installs them. Elsewhere the tests say that they skipped.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tonic::Code;
use varco_tests::calls::question;
use varco_tests::comune::Comune;
use varco_tests::foreign::{installed, scripts};

/// A client for each kind of key, with a purpose of its own.
const CLIENTS: [(&str, &str); 3] = [
    ("tributi", "verifica-residenza"),
    ("segreteria", "determine-documenti"),
    ("legacy", "verifica-residenza"),
];

#[tokio::test(flavor = "multi_thread")]
async fn authlib_gets_vouchers_with_private_key_jwt() {
    if let Some(authlib) = Library::authlib() {
        bearer_vouchers(&authlib).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi_gets_vouchers_with_private_key_jwt() {
    if let Some(oauth4webapi) = Library::oauth4webapi() {
        bearer_vouchers(&oauth4webapi).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_gets_vouchers_with_dpop() {
    if let Some(authlib) = Library::authlib() {
        vouchers_bound_to_a_key(&authlib).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi_gets_vouchers_with_dpop() {
    if let Some(oauth4webapi) = Library::oauth4webapi() {
        vouchers_bound_to_a_key(&oauth4webapi).await;
    }
}

async fn bearer_vouchers(library: &Library) {
    let comune = Comune::start().await;

    for (client, purpose) in CLIENTS {
        let issued = library.ask(&comune, client, purpose, &[]);
        assert_eq!(text(&issued, "token_type").to_lowercase(), "bearer");
        assert_eq!(issued["expires_in"], 300, "{client}");
        let claims = &issued["claims"];
        assert_eq!(claims["purposeId"], comune.purpose_id(client, purpose));
        assert_eq!(claims["client_id"], comune.asker(client).file.client_id);
        assert!(claims["cnf"]["x5t#S256"].is_string(), "{claims}");
        if purpose == "verifica-residenza" {
            let voucher = text(&issued, "access_token");
            let called = comune
                .wire(client)
                .await
                .call(VERIFY, voucher, &question())
                .await;
            assert_eq!(called.code(), Code::Ok, "{client}: {called:?}");
        }
    }

    comune.stop().await;
}

async fn vouchers_bound_to_a_key(library: &Library) {
    let comune = Comune::start().await;

    for (client, purpose) in CLIENTS {
        let issued = library.ask(&comune, client, purpose, &["--dpop"]);
        assert_eq!(text(&issued, "token_type").to_lowercase(), "dpop");
        let claims = &issued["claims"];
        assert_eq!(claims["purposeId"], comune.purpose_id(client, purpose));
        assert!(issued["jkt"].is_string(), "{issued}");
        assert_eq!(claims["cnf"]["jkt"], issued["jkt"], "{client}");
    }

    comune.stop().await;
}

/// A library, as the program and the script that use it.
struct Library {
    program: PathBuf,
    script: PathBuf,
    /// Holds the script beside the modules that it names.
    _folder: Option<tempfile::TempDir>,
}

impl Library {
    fn authlib() -> Option<Self> {
        Some(Self {
            program: installed("VARCO_TEST_PYTHON")?,
            script: scripts().join("python/authlib_token.py"),
            _folder: None,
        })
    }

    /// Node looks for modules beside the script, so the script is put beside them.
    fn oauth4webapi() -> Option<Self> {
        let modules = installed("VARCO_TEST_NODE_MODULES")?;
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("oauth4webapi_token.mjs");
        std::fs::copy(scripts().join("node/oauth4webapi_token.mjs"), &script).unwrap();
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
        Some(Self {
            program: PathBuf::from("node"),
            script,
            _folder: Some(folder),
        })
    }

    /// Has the library ask for a voucher, and gives what its script printed.
    fn ask(&self, comune: &Comune, client: &str, purpose: &str, more: &[&str]) -> Value {
        let mut command = Command::new(&self.program);
        command.arg(&self.script).arg("--data").arg(comune.path());
        command
            .args(["--client", client, "--purpose", purpose])
            .args(more);
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{client}: {said}");
        serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

fn text<'a>(issued: &'a Value, member: &str) -> &'a str {
    issued[member].as_str().unwrap_or_default()
}

const VERIFY: &str = "varco.anagrafe.v1.AnagrafeService/VerifyResidenza";
