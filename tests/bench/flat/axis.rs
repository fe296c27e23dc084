//! One axis: a small installation and a large one, measured in turn.

use varco_tests::bench::figure::{Figure, median};
use varco_tests::bench::{meter, setting_of};

use super::installation::{Callers, Installation};

/// What is compared.
pub struct Axis {
    /// In which the two differ.
    pub what: String,
    /// How many times the cost of the small one that of the large one may be; none where no promise is made.
    pub bound: Option<f64>,
}

impl Axis {
    /// Measures a small and a large installation and prints what came of it; says whether it is within
    /// its bound.
    pub async fn measure(&self, both: [&Installation; 2], callers: Callers) -> bool {
        let mut crowds = Vec::new();
        for installation in both {
            crowds.push(installation.connect(callers).await);
        }
        let mut figures = [Vec::new(), Vec::new()];
        for _ in 0..setting_of("VARCO_BENCH_ROUNDS", 3) {
            for turn in [0, 1, 1, 0] {
                let figure = both[turn].measure(&crowds[turn]).await;
                figures[turn].push(figure);
            }
        }
        for crowd in crowds {
            crowd.close().await;
        }
        self.print(&figures)
    }

    fn print(&self, [small, large]: &[Vec<Figure>; 2]) -> bool {
        println!(
            "\n{:<42} {:>9} {:>9} {:>9} {:>9} {:>7}",
            self.what, "CPU us", "calls/s", "p50 ms", "p99 ms", "MB"
        );
        for (name, figures) in [("small", small), ("large", large)] {
            let of = |value: &dyn Fn(&Figure) -> f64| median(figures.iter().map(value));
            let latency = |percent| of(&|it| meter::at(&mut it.latencies.clone(), percent));
            println!(
                "{name:<42} {:9.1} {:9.0} {:9.2} {:9.2} {:7.1}",
                of(&|it| it.cpu),
                of(&|it| it.rate),
                latency(50),
                latency(99),
                of(&|it| it.memory),
            );
        }
        let cpu = |figures: &[Figure]| median(figures.iter().map(|it| it.cpu));
        let ratio = cpu(large) / cpu(small);
        let each = large.iter().zip(small).map(|(a, b)| a.cpu / b.cpu);
        let (least, most) = each.fold((f64::MAX, 0.0_f64), |(a, b), it| (a.min(it), b.max(it)));
        let bound = self
            .bound
            .map_or("no bound".to_owned(), |bound| format!("bound {bound:.2}"));
        println!("large / small, CPU a call: {ratio:.2} ({least:.2} to {most:.2}), {bound}");
        self.bound.is_none_or(|bound| ratio <= bound)
    }
}
