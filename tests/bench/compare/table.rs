//! What was measured, as medians, and each against each.

use varco_tests::bench::figure::{Figure, median};
use varco_tests::bench::meter;

/// Measurements by name, in the order of their first.
#[derive(Debug, Default)]
pub struct Table(Vec<(&'static str, Vec<Figure>)>);

impl Table {
    /// Adds a measurement.
    pub fn put(&mut self, name: &'static str, figure: Figure) {
        match self.0.iter_mut().find(|(it, _)| *it == name) {
            Some((_, figures)) => figures.push(figure),
            None => self.0.push((name, vec![figure])),
        }
    }

    /// Prints medians; of a ratio, the median of those of each turn.
    pub fn print(&self, what: &str) {
        println!(
            "\n{what:<28} {:>9} {:>9} {:>9} {:>9} {:>7}   varco's CPU / its, calls/s / its",
            "CPU us", "calls/s", "p50 ms", "p99 ms", "MB"
        );
        for (name, figures) in &self.0 {
            let of = |value: &dyn Fn(&Figure) -> f64| median(figures.iter().map(value));
            let latency = |percent| {
                let each = figures
                    .iter()
                    .map(|it| meter::at(&mut it.latencies.clone(), percent));
                median(each)
            };
            println!(
                "{name:<28} {:9.1} {:9.0} {:9.2} {:9.2} {:7.1}   {}",
                of(&|it| it.cpu),
                of(&|it| it.rate),
                latency(50),
                latency(99),
                of(&|it| it.memory),
                self.against(name, figures),
            );
        }
    }

    fn against(&self, name: &str, theirs: &[Figure]) -> String {
        let ours = self.0.iter().find(|(it, _)| *it == "varco");
        let Some((_, ours)) = ours.filter(|(it, _)| *it != name) else {
            return String::new();
        };
        let ratio = |value: &dyn Fn(&Figure) -> f64| {
            let each: Vec<f64> = ours
                .iter()
                .zip(theirs)
                .map(|(a, b)| value(a) / value(b))
                .collect();
            let (least, most) = each
                .iter()
                .fold((f64::MAX, 0.0_f64), |(a, b), it| (a.min(*it), b.max(*it)));
            format!(
                "{:.2} ({least:.2} to {most:.2})",
                median(each.iter().copied())
            )
        };
        format!("{}, {}", ratio(&|it| it.cpu), ratio(&|it| it.rate))
    }
}
