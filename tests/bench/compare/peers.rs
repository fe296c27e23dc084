//! Envoy, `HAProxy` and nginx, each as its configuration beside this file says, in processes of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use varco::data_folder::ports;

use varco_tests::bench::load::Caller;

/// A peer of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Envoy, which keeps verdicts.
    EnvoyCache,
    /// Envoy, which verifies every call.
    Envoy,
    /// `HAProxy`, which verifies every call.
    Haproxy,
    /// nginx, which verifies nothing.
    Nginx,
}

/// What a configuration is filled with.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// A folder for its files.
    pub folder: &'a Path,
    /// Certificate and key, in a folder, for both of its sides.
    pub identity: &'a Path,
    /// The authority.
    pub ca: &'a Path,
    /// The service.
    pub upstream: SocketAddr,
    /// Its name.
    pub server_name: &'a str,
    /// Issuer of vouchers.
    pub issuer: &'a str,
    /// Their audience.
    pub audience: &'a str,
    /// Key that verifies them, as a set (RFC 7517).
    pub jwks: &'a Path,
    /// The same in PEM.
    pub public: &'a Path,
}

/// A peer that runs; it ends with this value.
pub struct Running {
    child: Child,
    /// Where it listens.
    pub at: SocketAddr,
    /// From its start to its first answer.
    pub started: Duration,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::EnvoyCache, Self::Envoy, Self::Haproxy, Self::Nginx];

    /// What it is called in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::EnvoyCache => "envoy, cache",
            Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx, no auth",
        }
    }

    /// The program's name in what `install.sh` prints.
    pub fn program(self) -> &'static str {
        match self {
            Self::EnvoyCache | Self::Envoy => "envoy",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }

    fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::EnvoyCache | Self::Envoy => ("envoy.yaml", include_str!("envoy.yaml")),
            Self::Haproxy => ("haproxy.cfg", include_str!("haproxy.cfg")),
            Self::Nginx => ("nginx.conf", include_str!("nginx.conf")),
        }
    }

    /// Starts it and waits until a call passes.
    pub async fn start(self, program: &Path, setting: &Setting<'_>, caller: &Caller) -> Running {
        let port = ports::free_port_base().unwrap();
        let folder = setting.folder.join(self.name().replace([',', ' '], "-"));
        fs::create_dir_all(&folder).unwrap();
        let (file, text) = self.template();
        let file = folder.join(file);
        fs::write(&file, self.filled(text, port, &folder, setting)).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let begun = Instant::now();
        let child = self
            .command(program, &file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        let mut running = Running {
            child: child.unwrap(),
            at: SocketAddr::from(([127, 0, 0, 1], port)),
            started: Duration::ZERO,
        };
        while let Err(error) = caller.once(running.at, "localhost").await {
            let said = || fs::read_to_string(folder.join("log")).unwrap();
            let is_late = begun.elapsed() > PATIENCE;
            assert!(!is_late, "{}: {error}: {}", self.name(), said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running.started = begun.elapsed();
        running
    }

    fn command(self, program: &Path, file: &Path) -> Command {
        let mut command = Command::new(program);
        match self {
            Self::EnvoyCache | Self::Envoy => command
                .args([
                    "--concurrency",
                    "1",
                    "--disable-hot-restart",
                    "-l",
                    "warn",
                    "-c",
                ])
                .arg(file),
            Self::Haproxy => command.args(["-db", "-f"]).arg(file),
            Self::Nginx => command.arg("-c").arg(file),
        };
        command
    }

    fn filled(self, text: &str, port: u16, folder: &Path, setting: &Setting<'_>) -> String {
        let identity = setting.identity;
        let (certificate, key) = (identity.join("tls.pem"), identity.join("tls.key"));
        let pair = folder.join("pair.pem");
        let both = [&certificate, &key].map(|file| fs::read_to_string(file).unwrap());
        fs::write(&pair, both.concat()).unwrap();
        let cache = match self {
            Self::EnvoyCache => "jwt_cache_config: { jwt_cache_size: 10000 }",
            _ => "",
        };
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let values: [(&str, String); 13] = [
            ("@PORT@", port.to_string()),
            ("@UPSTREAM@", setting.upstream.port().to_string()),
            ("@SERVER_NAME@", setting.server_name.to_owned()),
            ("@CERTIFICATE@", path(&certificate)),
            ("@KEY@", path(&key)),
            ("@PAIR@", path(&pair)),
            ("@CA@", path(setting.ca)),
            ("@ISSUER@", setting.issuer.to_owned()),
            ("@AUDIENCE@", setting.audience.to_owned()),
            ("@JWKS@", path(setting.jwks)),
            ("@PUBLIC@", path(setting.public)),
            ("@CACHE@", cache.to_owned()),
            ("@FOLDER@", path(folder)),
        ];
        values.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }
}

impl Running {
    /// Number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Installs the peers into a folder and gives the program of each that is there.
pub fn install(folder: &Path) -> Vec<(String, PathBuf)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/compare/install.sh");
    let out = Command::new(script)
        .arg(folder)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(out.status.success(), "the peers cannot be installed");
    let out = String::from_utf8(out.stdout).unwrap();
    let lines = out.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, path)| (name.to_owned(), PathBuf::from(path)))
        .collect()
}

const PATIENCE: Duration = Duration::from_secs(10);
