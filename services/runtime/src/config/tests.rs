//! What a configuration file may say.

use super::*;

const DEFAULTS: &str = include_str!("../../../../deploy/varco.toml");

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
    let environment = environment
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Config::parse(text, "varco.toml", DEFAULTS, environment)
}

#[test]
fn example_configuration_is_complete() {
    let config = parse("", &[]).unwrap();

    assert_eq!(config.gateway.data_plane.port(), 7443);
    assert_eq!(config.services.len(), 4);
}

#[test]
fn unknown_keys_are_refused_by_name() {
    let refused = parse("[gateway]\nporta = 7\n", &[])
        .unwrap_err()
        .to_string();

    assert!(refused.contains("porta"), "{refused}");
}

#[test]
fn limits_that_no_call_could_pass_are_refused_by_name() {
    for (key, value) in [
        ("snapshot_seconds", 4),
        ("snapshot_seconds", 301),
        ("calls_per_second", 0),
        ("drain_seconds", 0),
    ] {
        let text = format!("[gateway.limits]\n{key} = {value}\n");

        let refused = parse(&text, &[]).unwrap_err().to_string();

        assert!(
            refused.contains(&format!("gateway.limits.{key} must")),
            "{refused}"
        );
    }
    assert!(parse("[gateway.limits]\nsnapshot_seconds = 300\n", &[]).is_ok());
}

#[test]
fn environment_wins_over_the_file() {
    let config = parse(
        "[gateway]\nhost = \"from-file\"\n",
        &[
            ("VARCO_GATEWAY__HOST", "gate"),
            ("VARCO_TEST_POSTGRES", "ignored"),
        ],
    )
    .unwrap();

    assert_eq!(config.gateway.host, "gate");
}

#[test]
fn mistake_of_the_environment_is_told_by_its_variable() {
    let refused = |variable| parse("", &[(variable, "x")]).unwrap_err().to_string();

    let (unknown, wrong) = (
        refused("VARCO_GATEWAY__PORTA"),
        refused("VARCO_GATEWAY__TOKEN"),
    );

    assert!(
        unknown.starts_with("VARCO_GATEWAY__PORTA: unknown field `porta`"),
        "{unknown}"
    );
    assert!(
        wrong.contains("invalid socket address syntax in `gateway.token`"),
        "{wrong}"
    );
}

#[test]
fn signing_keys_are_configured_by_name() {
    let of = |line: &str| parse(&format!("[gateway]\n{line}\n"), &[]);
    let algorithm = |name: &str| {
        let line = format!("signing_algorithm = \"{name}\"\ngrant_algorithm = \"{name}\"");
        let config = of(&line);
        config.map(|config| {
            assert_eq!(
                config.gateway.signing_algorithm,
                config.gateway.grant_algorithm
            );
            config.gateway.signing_algorithm
        })
    };

    for known in ["ES256", "EdDSA", "RS256"] {
        assert_eq!(algorithm(known).unwrap().name(), known);
    }
    for unknown in ["none", "HS256", "es256", "ES384"] {
        assert!(algorithm(unknown).is_err(), "{unknown}");
    }
    assert_eq!(parse("", &[]).unwrap().gateway.key_rotation_days, 90);
    for days in ["0", "401", "-1"] {
        assert!(
            of(&format!("key_rotation_days = {days}")).is_err(),
            "{days}"
        );
    }
}
