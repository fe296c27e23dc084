//! Alert rules, dashboard and page of documentation, beside what a gateway really exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use varco_tests::calls::verify;
use varco_tests::comune::Comune;
use varco_tests::metrics::Scrape;

#[tokio::test(flavor = "multi_thread")]
async fn files_name_only_what_a_gateway_exports_and_the_documentation_all_of_it() {
    let comune = Comune::start().await;
    verify(&comune.client("tributi"), "verifica-residenza")
        .await
        .unwrap();
    let probes = comune.config().gateway.probes;
    let page = Scrape::of(probes, "text/plain").await;
    let open = Scrape::of(probes, "application/openmetrics-text; version=1.0.0").await;
    comune.stop().await;

    let rules = read("deploy/monitoring/varco.rules.yaml");
    let dashboard = read("deploy/monitoring/varco.dashboard.json");
    let documentation = read("docs/metriche.md");
    for (file, queries) in [
        ("rules", expressions(&rules)),
        ("dashboard", queries(&dashboard)),
    ] {
        assert!(queries.len() > 20, "{file}: {queries:?}");
        for query in queries {
            assert_known(&query, &page, file);
        }
    }
    let exported: BTreeSet<&str> = page.kinds.keys().map(String::as_str).collect();
    let documented = rows(&documentation);
    let documented = documented.iter().filter(|it| it.contains('_'));
    assert_eq!(
        documented.map(String::as_str).collect::<BTreeSet<_>>(),
        exported
    );
    assert_is_open_metrics(&open, &page);
    promtool(&["check", "metrics"], Some(&page.text));
}

#[test]
fn every_alert_says_how_bad_it_is_and_what_to_do() {
    let rules = read("deploy/monitoring/varco.rules.yaml");
    let documented = rows(&read("docs/metriche.md"));

    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();

    let names: BTreeSet<&str> = alerts.iter().filter_map(|it| it.lines().next()).collect();
    assert_eq!(names.len(), alerts.len(), "two alerts bear one name");
    let documented = documented.iter().filter(|it| it.starts_with("Varco"));
    assert_eq!(
        documented.map(String::as_str).collect::<BTreeSet<_>>(),
        names
    );
    for alert in alerts {
        let says = |key: &str| alert.lines().any(|line| line.trim().starts_with(key));
        assert!(
            says("severity: critical") || says("severity: warning"),
            "{alert}"
        );
        assert!(
            says("expr:") && says("summary:") && says("description:"),
            "{alert}"
        );
    }
    promtool(&["check", "rules", "varco.rules.yaml"], None);
    promtool(&["test", "rules", "varco.rules.test.yaml"], None);
    promtool(&["check", "config", "prometheus.yml"], None);
}

/// Every metric of a query is exported, with the labels that the query asks for.
fn assert_known(query: &str, page: &Scrape, file: &str) {
    let names = page.names();
    for (name, matchers) in selectors(query) {
        // Prometheus' own word on whether a target answers.
        if name == "up" {
            continue;
        }
        assert!(
            names.contains(name),
            "{file}: nothing exports {name}: {query}"
        );
        let labels: BTreeSet<String> = page
            .all(name)
            .into_keys()
            .flatten()
            .map(|(key, _)| key)
            .collect();
        for label in matchers {
            let is_known = ["instance", "job"].contains(&label) || labels.contains(label);
            assert!(is_known, "{file}: {name} has no label {label}: {query}");
        }
    }
}

/// The metrics of a query, with the labels by which each is chosen.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| c.is_ascii_lowercase()) {
        rest = &rest[start..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        let braces = after.strip_prefix('{').and_then(|it| it.split_once('}'));
        if word.starts_with("varco_") || word.starts_with("process_") || word == "up" {
            let inner = braces.map_or("", |(inner, _)| inner);
            let matchers = inner.split(',').filter(|it| !it.is_empty());
            let labels = matchers.map(|it| it.split(['=', '!']).next().unwrap().trim());
            found.push((word, labels.collect()));
        }
        rest = braces.map_or(after, |(_, after)| after);
    }
    found
}

/// The expressions of a file of rules, those of more than one line too.
fn expressions(rules: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = rules.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(first) = line.trim().strip_prefix("expr: ") else {
            continue;
        };
        let mut expression = first.trim_start_matches(">-").to_owned();
        let depth = line.len() - line.trim_start().len();
        while let Some(next) = lines.next_if(|it| it.len() - it.trim_start().len() > depth) {
            expression.push(' ');
            expression.push_str(next.trim());
        }
        found.push(expression);
    }
    found
}

/// The queries of a dashboard, those of its variables and annotations too.
fn queries(dashboard: &str) -> Vec<String> {
    fn gather(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    match value.as_str() {
                        Some(text) if key == "expr" || key == "query" => {
                            found.push(text.to_owned());
                        }
                        _ => gather(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    gather(&serde_json::from_str(dashboard).unwrap(), &mut found);
    found
}

/// What the rows of a page's tables begin with.
fn rows(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split('`').next());
    names
        .filter(|it| !it.contains('.'))
        .map(str::to_owned)
        .collect()
}

/// The same families in the other form: a counter's is named without its suffix.
fn assert_is_open_metrics(open: &Scrape, page: &Scrape) {
    assert!(
        open.head
            .contains("content-type: application/openmetrics-text; version=1.0.0")
    );
    assert!(
        page.head
            .contains("content-type: text/plain; version=0.0.4")
    );
    assert!(open.text.ends_with("\n# EOF\n"), "{}", open.text);
    let kinds: BTreeMap<String, String> = page
        .kinds
        .iter()
        .map(|(name, kind)| {
            let name = name.strip_suffix("_total").unwrap_or(name);
            (name.to_owned(), kind.clone())
        })
        .collect();
    assert_eq!(open.kinds, kinds);
}

/// Has Prometheus' own tool check something, where it is installed; otherwise that is said.
fn promtool(arguments: &[&str], input: Option<&str>) {
    let mut command = Command::new("promtool");
    command
        .args(arguments)
        .current_dir(path("deploy/monitoring"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let Ok(mut tool) = command.spawn() else {
        eprintln!("promtool is not installed: {arguments:?} is left out");
        return;
    };
    let mut stdin = tool.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, input.unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {said}");
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap()
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}
