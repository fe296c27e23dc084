//! The service manager that started the process: the sockets that it hands over, and what it is told.
//!
//! The protocols are systemd's (`sd_listen_fds(3)`, `sd_notify(3)`). Where nothing of them stands in the
//! environment, nothing is taken and nothing is told.

use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;
use varco_runtime::server::inherited::Inherited;

use crate::failure::Failure;

/// The sockets that the process was started with; the first call has them. It changes the
/// environment, so nothing else may run yet.
///
/// # Errors
///
/// When one of them is no listening TCP socket.
pub fn sockets() -> Result<Inherited, Failure> {
    let mut handed = ListenFd::from_env();
    let mut sockets = Vec::new();
    for place in 0..handed.len() {
        sockets.extend(handed.take_tcp_listener(place).map_err(unusable)?);
    }
    Inherited::of(sockets).map_err(unusable)
}

/// Tells that the process serves, or serves again.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells that it takes up its configuration; `ready` ends that.
pub fn reloading() {
    let Ok(now) = NotifyState::monotonic_usec_now() else {
        return;
    };
    tell(&[NotifyState::Reloading, now]);
}

/// Tells that it drains.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells that the process still does its work, twice as often as is asked for; for ever.
pub async fn keep_telling() {
    let Some(longest) = sd_notify::watchdog_enabled() else {
        return std::future::pending().await;
    };
    let pause = (longest / 2).max(SHORTEST);
    loop {
        tell(&[NotifyState::Watchdog]);
        tokio::time::sleep(pause).await;
    }
}

/// Who does not listen misses something, and the process goes on.
fn tell(what: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(what) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

fn unusable(error: std::io::Error) -> Failure {
    Failure::new(
        "a socket that was handed over",
        error,
        "write only ListenStream= with an address and a port in the socket unit",
    )
}

const SHORTEST: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use varco_runtime::config::Config;

    use crate::configuration;

    fn defaults() -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(configuration::FILE);
        std::fs::write(&file, "").unwrap();
        configuration::load(&file).unwrap()
    }

    /// What a unit says in lines of one key.
    fn said<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
        let lines = unit.lines().filter_map(|line| line.split_once('='));
        let lines = lines.filter(|(name, _)| *name == key);
        lines.map(|(_, value)| value).collect()
    }

    #[test]
    fn socket_units_name_the_addresses_of_the_configuration() {
        let config = defaults();
        let gateway = &config.gateway;
        let unit = include_str!("../../systemd/varco-gateway.socket");
        let addresses = [
            gateway.data_plane,
            gateway.token,
            gateway.control,
            gateway.probes,
        ];

        assert_eq!(
            said(unit, "ListenStream"),
            addresses.map(|at| at.to_string())
        );

        for (name, unit) in [
            (
                "anagrafe",
                include_str!("../../systemd/varco-office@anagrafe.socket"),
            ),
            (
                "protocollo",
                include_str!("../../systemd/varco-office@protocollo.socket"),
            ),
            (
                "albo",
                include_str!("../../systemd/varco-office@albo.socket"),
            ),
            (
                "documenti",
                include_str!("../../systemd/varco-office@documenti.socket"),
            ),
        ] {
            let service = &config.services[name];
            let addresses = [Some(service.listen), service.public].into_iter().flatten();
            let addresses: Vec<String> = addresses.map(|at| at.to_string()).collect();
            assert_eq!(said(unit, "ListenStream"), addresses, "{name}");
        }
    }

    #[test]
    fn gateway_and_offices_may_do_the_same() {
        let bounds = |unit: &'static str| unit.split_once("# What it may not do").unwrap().1;
        let gateway = bounds(include_str!("../../systemd/varco-gateway.service"));
        let office = bounds(include_str!("../../systemd/varco-office@.service"));
        let within = |text: &'static str| text.split_once("\n[Install]").unwrap().0;

        assert_eq!(within(gateway), within(office));
    }

    #[test]
    fn service_is_not_killed_while_it_drains() {
        let unit = include_str!("../../systemd/varco-gateway.service");
        let patience = said(unit, "TimeoutStopSec");
        let seconds: u64 = patience[0].trim_end_matches('s').parse().unwrap();

        // Calls, offices, and what runs beside them, one after the other.
        assert!(seconds > 5 * defaults().gateway.limits.drain_seconds);
    }
}
