//! The text in which metrics leave: Prometheus' own (0.0.4), or OpenMetrics 1.0 for whoever asks.
//!
//! A page is written family by family; what stands in it comes from elsewhere. Both forms are the
//! same but for the name of a counter's family and the last line.

use std::fmt::{Display, Write as _};

use super::histogram::{BOUNDS, Spread};

/// In which form a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Prometheus,
}

/// A page of metrics.
#[derive(Debug)]
pub struct Page {
    format: Format,
    text: String,
}

/// A family on its page, to which samples are added.
#[derive(Debug)]
pub struct Family<'p> {
    text: &'p mut String,
    name: &'static str,
}

impl Format {
    /// The form that an `Accept` header likes best; Prometheus' own where it likes them alike and
    /// does not name the other.
    #[must_use]
    pub fn asked(accept: Option<&str>) -> Self {
        let ranges = || accept.unwrap_or_default().split(',');
        let open = ranges().filter_map(|range| weight(range, "application/openmetrics-text"));
        let plain = ranges().filter_map(|range| weight(range, "text/plain"));
        let open = open.fold(0.0, f32::max);
        if open > 0.0 && open >= plain.fold(0.0, f32::max) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The media type of a page.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            text: String::with_capacity(ROOM),
        }
    }

    /// Begins a family of counters, whose name ends in `_total`.
    pub fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        let family = match self.format {
            Format::OpenMetrics => name.strip_suffix("_total").unwrap_or(name),
            Format::Prometheus => name,
        };
        self.family(name, family, ("counter", help))
    }

    /// Begins a family of gauges.
    pub fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, name, ("gauge", help))
    }

    /// Begins a family of histograms.
    pub fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, name, ("histogram", help))
    }

    /// The whole page.
    #[must_use]
    pub fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn family(
        &mut self,
        name: &'static str,
        family: &str,
        (kind, help): (&str, &str),
    ) -> Family<'_> {
        let text = &mut self.text;
        // Writing into a text cannot fail.
        let _ = writeln!(text, "# HELP {family} {help}\n# TYPE {family} {kind}");
        Family { text, name }
    }
}

impl Family<'_> {
    /// Adds a sample.
    pub fn put(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample("", labels, value);
    }

    /// Adds the samples of a histogram.
    pub fn spread(&mut self, labels: &[(&str, &str)], spread: &Spread) {
        let mut below = 0;
        let bounds = BOUNDS
            .iter()
            .map(|bound| format!("{:?}", bound.as_secs_f64()));
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(spread.counts) {
            below += count;
            let labels: Vec<_> = labels
                .iter()
                .copied()
                .chain([("le", bound.as_str())])
                .collect();
            self.sample("_bucket", &labels, below);
        }
        self.sample("_sum", labels, spread.sum.as_secs_f64());
        self.sample("_count", labels, below);
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (place, (name, value)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, self.text);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// Writes the value of a label: three characters have a meaning of their own.
fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

/// The weight that a range of an `Accept` header gives a media type; none where it is of another
/// (RFC 9110 §12.5.1).
fn weight(range: &str, of: &str) -> Option<f32> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(of) {
        return None;
    }
    let weight = parts.find_map(|part| part.strip_prefix("q="));
    Some(weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

/// Bytes of a page of a small comune.
const ROOM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::histogram::Histogram;

    fn page(format: Format) -> String {
        let mut page = Page::new(format);
        let mut calls = page.counter("varco_calls_total", "Calls.");
        calls.put(&[("method", "a\\b\"c\nd"), ("code", "OK")], 3);
        page.gauge("varco_ready", "Ready.").put(&[], 1);
        page.end()
    }

    #[test]
    fn counter_of_open_metrics_is_named_without_its_suffix() {
        let sample = "varco_calls_total{method=\"a\\\\b\\\"c\\nd\",code=\"OK\"} 3\n";
        let gauge = "# HELP varco_ready Ready.\n# TYPE varco_ready gauge\nvarco_ready 1\n";

        let head = "# HELP varco_calls_total Calls.\n# TYPE varco_calls_total counter\n";
        assert_eq!(page(Format::Prometheus), format!("{head}{sample}{gauge}"));
        let head = "# HELP varco_calls Calls.\n# TYPE varco_calls counter\n";
        let open = format!("{head}{sample}{gauge}# EOF\n");
        assert_eq!(page(Format::OpenMetrics), open);
    }

    #[test]
    fn buckets_of_a_histogram_hold_those_below_them() {
        let histogram = Histogram::default();
        for millis in [0, 3, 40_000] {
            histogram.note(Duration::from_millis(millis));
        }
        let mut page = Page::new(Format::Prometheus);

        let mut family = page.histogram("d", "Durations.");
        family.spread(&[("method", "m")], &histogram.read());

        let page = page.end();
        for line in [
            "d_bucket{method=\"m\",le=\"0.0005\"} 1",
            "d_bucket{method=\"m\",le=\"0.005\"} 2",
            "d_bucket{method=\"m\",le=\"30.0\"} 2",
            "d_bucket{method=\"m\",le=\"+Inf\"} 3",
            "d_sum{method=\"m\"} 40.003",
            "d_count{method=\"m\"} 3",
        ] {
            assert!(page.contains(&format!("{line}\n")), "{line} in {page}");
        }
    }

    #[test]
    fn open_metrics_are_for_whoever_asks_for_them() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

        for (accept, format) in [
            (None, Format::Prometheus),
            (Some("*/*"), Format::Prometheus),
            (Some("text/plain"), Format::Prometheus),
            (Some(prometheus), Format::OpenMetrics),
            (Some("application/openmetrics-text"), Format::OpenMetrics),
            (
                Some("application/openmetrics-text; q=0"),
                Format::Prometheus,
            ),
            (
                Some("application/openmetrics-text;q=0.2, text/plain"),
                Format::Prometheus,
            ),
        ] {
            assert_eq!(Format::asked(accept), format, "{accept:?}");
        }
    }
}
