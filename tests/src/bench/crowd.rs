//! Several clients, each over a connection of its own, that call in turn.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use varco_runtime::tasks::Tasks;

use super::load::{Caller, Came, Sender, milliseconds};

/// Clients that are connected.
pub struct Crowd {
    opened: Arc<[(Caller, Sender)]>,
    tasks: Tasks,
}

impl Crowd {
    /// Connects them to a server under a name of its certificate.
    pub async fn open(callers: Vec<Caller>, at: SocketAddr, name: &str) -> Self {
        let (tasks, mut opened) = (Tasks::default(), Vec::new());
        for (number, caller) in (0_u32..).zip(callers) {
            let stream = connect(number, at).await;
            let sender = caller.connect_over(stream, name, &tasks).await;
            opened.push((caller, sender));
        }
        Self {
            opened: opened.into(),
            tasks,
        }
    }

    /// So many calls at once for so long, each answered before the next is sent. Every connection has
    /// its turn, whatever the number of calls.
    pub async fn load(&self, calls: usize, lasts: Duration) -> Came {
        let begun = Instant::now();
        let mut running = JoinSet::new();
        for first in 0..calls {
            let opened = Arc::clone(&self.opened);
            running.spawn(async move {
                let mut latencies = Vec::new();
                let mut turns = (first..).step_by(calls).map(|turn| turn % opened.len());
                while let Some((caller, sender)) = turns.next().and_then(|it| opened.get(it))
                    && begun.elapsed() < lasts
                {
                    let asked = Instant::now();
                    caller.call(sender.clone()).await.unwrap();
                    latencies.push(milliseconds(asked.elapsed()));
                }
                latencies
            });
        }
        Came {
            latencies: running.join_all().await.concat(),
            lasted: begun.elapsed(),
        }
    }

    /// Closes the connections.
    pub async fn close(self) {
        drop(self.opened);
        self.tasks.drain(Duration::from_secs(2)).await;
    }
}

/// Connects the socket of a client. Many come from several addresses of loopback: of one a gateway takes
/// 256 connections.
pub(super) async fn connect(number: u32, at: SocketAddr) -> TcpStream {
    let from = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + number / OF_ONE_ADDRESS);
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(at).await.unwrap()
}

/// Connections from one address.
const OF_ONE_ADDRESS: u32 = 200;
