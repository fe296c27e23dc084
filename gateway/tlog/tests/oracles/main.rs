//! Our log against the logs of others: `tlog_tiles` and `signed_note` (Cloudflare), `ct-merkle`.
//!
//! They were written by other people from the same specifications. What all of them say alike is
//! what the specification means; where ours differed, nobody else could verify our log.

#[cfg(test)]
mod notes;
#[cfg(test)]
mod sparse;
#[cfg(test)]
mod trees;
