//! What holds of whatever arrives as a descriptor set.

use std::time::{Duration, Instant};

use varco_gateway::registry::compat::{Comparison, Old, compare};
use varco_gateway::registry::contract::imports::with_imports;
use varco_gateway::registry::contract::{Contract, compile, hash, presence};
use varco_gateway::registry::descriptor::ContractRef;

/// Compiles a set, and does with its contract whatever a registration does.
///
/// # Panics
///
/// When something does not hold.
pub fn holds(set: &[u8]) {
    let of = ContractRef {
        set: hash(set),
        builtin: None,
        default_effect: Some("read".to_owned()),
        default_class: None,
    };
    let begun = Instant::now();
    match compile(&of, set) {
        Ok(contract) => registers(&contract, &of),
        Err(problems) => assert!(!problems.is_empty()),
    }
    assert!(begun.elapsed() < LONGEST);
}

fn registers(contract: &Contract, of: &ContractRef) {
    assert!(presence::problems(contract).len() <= 1000);
    let exposed: Vec<String> = contract.methods.keys().cloned().collect();
    let same = Old {
        exposed: &exposed,
        contract,
        of,
    };
    assert_eq!(compare(&[same], (contract, of)), Comparison::default());
    for file in contract.pool.files() {
        let mut files = Vec::new();
        with_imports(&file, &mut files);
        assert!(
            files
                .iter()
                .all(|it| contract.files.contains_key(it.name()))
        );
        assert_eq!(files.last(), Some(&file));
    }
}

const LONGEST: Duration = Duration::from_secs(10);
