//! Listening sockets that whoever started the process has bound, and keeps open when it ends.
//!
//! They are told apart by their addresses. While one process drains and the next one opens,
//! connections wait in the system's queue of the socket, so that none is refused.

use std::net::{SocketAddr, TcpListener};

use super::{Error, Listener};
use crate::tls;

/// Sockets that were handed over and that nobody has taken up yet.
#[derive(Debug, Default)]
pub struct Inherited(Vec<(SocketAddr, TcpListener)>);

impl Inherited {
    /// The sockets that a process was started with.
    ///
    /// # Errors
    ///
    /// When the system does not tell where one listens.
    pub fn of(sockets: Vec<TcpListener>) -> std::io::Result<Self> {
        let bound = sockets
            .into_iter()
            .map(|socket| Ok((socket.local_addr()?, socket)));
        Ok(Self(bound.collect::<std::io::Result<_>>()?))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Listens on the socket of an address, or binds one where none was handed over.
    ///
    /// # Errors
    ///
    /// When the port is taken or the address is not ours.
    pub async fn listen(
        &mut self,
        address: SocketAddr,
        tls: Option<tls::Server>,
    ) -> Result<Listener, Error> {
        match self.0.iter().position(|(bound, _)| *bound == address) {
            Some(place) => {
                let (_, socket) = self.0.swap_remove(place);
                Listener::over(socket, tls).map_err(|error| Error::Bind(address, error))
            }
            None => Listener::bind(address, tls).await,
        }
    }

    /// Makes sure that every socket was taken up: peers of one that was not would wait for ever.
    ///
    /// # Errors
    ///
    /// Names one that was not.
    pub fn finish(self) -> Result<(), Error> {
        match self.0.first() {
            Some((address, _)) => Err(Error::Stray(*address)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn bound() -> (SocketAddr, TcpListener) {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        (socket.local_addr().unwrap(), socket)
    }

    #[tokio::test]
    async fn socket_is_taken_by_its_address_and_others_are_bound() {
        let ((one, first), (two, second)) = (bound(), bound());
        let mut inherited = Inherited::of(vec![first, second]).unwrap();

        let taken = inherited.listen(two, None).await.unwrap();
        let own = inherited.listen((Ipv4Addr::LOCALHOST, 0).into(), None);

        assert_eq!(taken.address().unwrap(), two);
        assert_ne!(own.await.unwrap().address().unwrap(), one);
        assert!(matches!(inherited.finish(), Err(Error::Stray(left)) if left == one));
    }

    #[tokio::test]
    async fn connection_that_waits_is_served_by_who_takes_the_socket_up() {
        let (address, socket) = bound();
        let mut first = Inherited::of(vec![socket.try_clone().unwrap()]).unwrap();
        drop(first.listen(address, None).await.unwrap());
        let waiting = tokio::net::TcpStream::connect(address).await.unwrap();

        let mut second = Inherited::of(vec![socket]).unwrap();
        let listener = second.listen(address, None).await.unwrap();
        let (_, peer) = listener.tcp.accept().await.unwrap();

        assert_eq!(peer, waiting.local_addr().unwrap());
    }
}
