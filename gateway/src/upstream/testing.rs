//! Ways to services of a test, in this process.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use varco_runtime::clock::Clock;
use varco_runtime::pki::{Ca, Holder};
use varco_runtime::tasks::Tasks;
use varco_runtime::tls::{self, Identity};

use super::pool::Pool;
use super::target::Target;
use super::{Upstream, Upstreams};

/// The gateway of a comune, and its ways.
pub struct Town {
    pub identity: Identity,
    pub tasks: Tasks,
    pub upstreams: Upstreams,
}

impl Town {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let clock = Clock::system();
        let (ca, _) = Ca::generate("Comune di Esempio", clock.now()).unwrap();
        std::fs::write(file("ca.pem"), ca.pem()).unwrap();
        let holder = Holder::gateway("spiffe://c_z999", "localhost");
        let leaf = ca.issue(&holder, clock.now()).unwrap();
        tls::pair::replace(&file("tls.pem"), &file("tls.key"), &leaf).unwrap();
        let identity = Identity::load(&file("tls.pem"), &file("tls.key")).unwrap();
        let tasks = Tasks::default();
        let upstreams = Upstreams::new(identity.clone(), &file("ca.pem"), clock, tasks.clone());
        Self {
            identity,
            tasks,
            upstreams: upstreams.unwrap(),
        }
    }

    /// The ways to a service on one port.
    pub fn pool(&self, address: SocketAddr) -> Arc<Pool> {
        self.pool_of(&format!("http://{address}"))
    }

    pub fn pool_of(&self, address: &str) -> Arc<Pool> {
        self.upstreams.pool(&upstream(address)).unwrap()
    }

    /// A target of a name that nobody asks for.
    pub fn target(&self, name: &str) -> Arc<Target> {
        let address = format!("http://{name}:1");
        let to = upstream(&address);
        Arc::new(Target::new(&address, &to, &self.upstreams.authorities).unwrap())
    }

    /// A service that serves each of its connections so.
    pub async fn service<F, S>(&self, serve: S) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
        S: Fn(TcpStream) -> F + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tasks = self.tasks.clone();
        self.tasks.spawn_until_stop(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn_until_stop(serve(stream));
            }
        });
        address
    }
}

fn upstream(address: &str) -> Upstream {
    Upstream {
        address: address.to_owned(),
        server_name: "localhost".to_owned(),
        ca_pem: String::new(),
        replicas: Vec::new(),
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.tasks.stopping().cancel();
    }
}
