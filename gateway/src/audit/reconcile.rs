//! Reconciliation: what the register of accesses says was done, against what the services did.
//!
//! A service links each change to its call, in the transaction of the change; the gateway records
//! each call before and after it. Over a window of time the two must agree in both directions: a
//! call that was answered OK has its link, and a link has its call. Calls whose end the gateway
//! does not know are explained by the links, which is what they are for.
//!
//! Here stands only the comparison, which is pure. What is compared comes from [`register`] and
//! [`asking`]; [`run`] brings both together and leaves the record, and [`hourly`] does so by itself.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use varco_runtime::audit_link::Link;

pub mod asking;
pub mod hourly;
pub mod register;
pub mod run;
#[cfg(test)]
mod tests;
pub mod window;

use window::Window;

/// A call with side effects, as the register knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The e-service that it was forwarded to.
    pub eservice: Uuid,
    /// `pkg.Service/Method`.
    pub method: String,
    /// How it ended.
    pub end: End,
}

/// How a call ended, and when, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Not yet.
    Open,
    /// It was answered OK.
    Ok(i64),
    /// With an error, or nobody knows how.
    Otherwise(i64),
}

/// The service behind an e-service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The e-service.
    pub eservice: Uuid,
    /// Its methods with side effects.
    pub writes: HashSet<String>,
}

/// Who compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateways {
    /// The instance whose register is read.
    pub own: String,
    /// Every instance that ever was: each answers for its own links.
    pub known: HashSet<String>,
}

/// What comparing a service found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Calls that were answered OK in the window.
    pub calls: u64,
    /// Links of the window that are this gateway's.
    pub links: u64,
    /// Links of the window that are other gateways', which compare them.
    pub of_others: u64,
    /// Calls that ended in the window without an OK, and of which the service has a link: what was
    /// asked for was done.
    pub unknown_but_done: u64,
    /// Calls that were answered OK without a link: the service has lost a change, or made none.
    pub only_in_register: Vec<Uuid>,
    /// Links without their call: something reached the service around the gateway, or a record
    /// was lost.
    pub only_in_service: Vec<Uuid>,
}

impl Comparison {
    /// How many differences nothing explains.
    #[must_use]
    pub fn differences(&self) -> usize {
        self.only_in_register.len() + self.only_in_service.len()
    }
}

/// Compares the calls of a service with its links. `links` must reach further back than the
/// window: a change stands before its call has ended.
fn compare(
    service: &Service,
    (calls, links): (&HashMap<Uuid, Call>, &[Link]),
    window: Window,
    gateways: &Gateways,
) -> Comparison {
    let mut found = Comparison::default();
    let linked: HashSet<Uuid> = links.iter().map(|link| link.audit_id).collect();
    let of_it =
        |call: &Call| call.eservice == service.eservice && service.writes.contains(&call.method);
    for (id, call) in calls.iter().filter(|(_, call)| of_it(call)) {
        found.take_call(*id, (call.end, linked.contains(id)), window);
    }
    for link in links.iter().filter(|link| window.holds(link.at)) {
        found.take_link(link, calls.get(&link.audit_id), gateways);
    }
    found.only_in_register.sort_unstable();
    found.only_in_service.sort_unstable();
    found.only_in_service.dedup();
    found
}

impl Comparison {
    fn take_call(&mut self, id: Uuid, (end, is_linked): (End, bool), window: Window) {
        match end {
            End::Ok(at) if window.holds(at) => {
                self.calls += 1;
                if !is_linked {
                    self.only_in_register.push(id);
                }
            }
            End::Otherwise(at) if window.holds(at) && is_linked => self.unknown_but_done += 1,
            _ => {}
        }
    }

    fn take_link(&mut self, link: &Link, call: Option<&Call>, gateways: &Gateways) {
        let is_own = link.instance.is_empty() || link.instance == gateways.own;
        if !is_own && gateways.known.contains(&link.instance) {
            self.of_others += 1;
            return;
        }
        if is_own {
            self.links += 1;
        }
        // What was linked before links told their method tells nothing of it.
        let is_same = |call: &Call| link.method.is_empty() || call.method == link.method;
        if !(is_own && call.is_some_and(is_same)) {
            self.only_in_service.push(link.audit_id);
        }
    }
}
