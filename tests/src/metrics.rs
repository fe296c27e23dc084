//! The page of a gateway's metrics, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A page that was read.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Its head of HTTP, in small letters.
    pub head: String,
    /// The page itself.
    pub text: String,
    /// Kind of each family, by its name.
    pub kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, BTreeMap<Labels, f64>>,
}

/// Labels of a sample, by name.
pub type Labels = BTreeMap<String, String>;

impl Scrape {
    /// Reads the page of the probes at an address; `accept` is the header of that name.
    ///
    /// # Panics
    ///
    /// When there is no page, or it is none.
    pub async fn of(probes: SocketAddr, accept: &str) -> Self {
        let mut stream = TcpStream::connect(probes).await.expect("the probes");
        let request = format!(
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        );
        let written = stream.write_all(request.as_bytes()).await;
        written.expect("a request");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        read.expect("an answer");
        let (head, text) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        Self::parse(head.to_lowercase(), text.to_owned())
    }

    fn parse(head: String, text: String) -> Self {
        let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("# TYPE ") {
                let (name, kind) = told.split_once(' ').expect("a kind");
                let before = kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} begins twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let of_name: &mut BTreeMap<_, _> = samples.entry(name.to_owned()).or_default();
                let value = value.parse().expect("a number");
                let before = of_name.insert(labels_of(labels), value);
                assert_eq!(before, None, "{series} stands twice");
            }
        }
        Self {
            head,
            text,
            kinds,
            samples,
        }
    }

    /// All samples of a name, by their labels.
    #[must_use]
    pub fn all(&self, name: &str) -> BTreeMap<Labels, f64> {
        self.samples.get(name).cloned().unwrap_or_default()
    }

    /// The one sample of a name that has these labels, whatever others it has.
    ///
    /// # Panics
    ///
    /// When there is none, or more than one.
    #[must_use]
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |held: &Labels| labels.iter().all(|(key, value)| held[*key] == *value);
        let all = self.all(name);
        let found: Vec<f64> = all
            .iter()
            .filter(|(held, _)| fits(held))
            .map(|(_, value)| *value)
            .collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {all:?}");
        found[0]
    }

    /// What a sum over a name's samples gives, by the values of some labels; nothing where it is zero.
    #[must_use]
    pub fn sums<const N: usize>(&self, name: &str, by: [&str; N]) -> BTreeMap<[String; N], f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in self.all(name) {
            if value > 0.0 {
                *sums.entry(by.map(|key| labels[key].clone())).or_default() += value;
            }
        }
        sums
    }

    /// Names of series, as queries write them.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for (name, kind) in &self.kinds {
            let ends: &[&str] = match kind.as_str() {
                "histogram" => &["_bucket", "_sum", "_count"],
                _ => &[""],
            };
            names.extend(ends.iter().map(|end| format!("{name}{end}")));
        }
        names
    }
}

fn labels_of(text: &str) -> Labels {
    let inner = text.trim_end_matches('}');
    let pairs = inner.split("\",").filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once("=\"").expect("a label");
            (key.to_owned(), value.trim_end_matches('"').to_owned())
        })
        .collect()
}
