//! The service behind the gateway, in a process of its own: this program again, told to serve.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::town::Town;
use super::upstream;

/// The service; its process ends with this value.
#[derive(Debug)]
pub struct Service(Child);

impl Service {
    /// Starts it where the town's gateway expects it.
    #[must_use]
    pub fn start(town: &Town) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg(UPSTREAM)
            .arg(town.upstream().to_string())
            .arg(town.real.data.join("services/anagrafe"))
            .arg(town.real.data.join("ca.pem"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), upstream::READY);
        Self(child)
    }

    /// Number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves, where this process was started to be the service; a benchmark asks first of all.
#[must_use]
pub fn serves() -> bool {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, word, address, folder, ca] = &arguments[..] else {
        return false;
    };
    let is_told = word == UPSTREAM;
    if is_told {
        upstream::serve(address.parse().unwrap(), Path::new(folder), Path::new(ca));
    }
    is_told
}

const UPSTREAM: &str = "upstream";
