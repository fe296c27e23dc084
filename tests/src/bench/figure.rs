//! What one measurement came to.

use super::meter;

/// One measurement.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Microseconds of CPU a call.
    pub cpu: f64,
    /// Calls a second.
    pub rate: f64,
    /// Latencies in milliseconds.
    pub latencies: Vec<f64>,
    /// Megabytes after it.
    pub memory: f64,
}

/// The value in the middle.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    meter::at(&mut values, 50)
}
