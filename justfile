# Short names for the usual commands. Each is plain cargo underneath: nothing needs `just`.

# List the recipes
default:
    @just --list --unsorted

# Start the product (`just run up --demo` passes arguments)
run *ARGS:
    cargo run -- {{ ARGS }}

# Run every test, stores on SQLite
test:
    cargo test --workspace

# Run every test, stores on SQLite and on a throw-away PostgreSQL
test-postgres:
    .ci/postgres.sh run cargo test --workspace

# What to run before a push
check: fmt-check clippy doc test deny

# Format the code
fmt:
    cargo fmt --all

# Fail if the code is not formatted
fmt-check:
    cargo fmt --all --check

# Lint every target, warnings refused
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Build the documentation, warnings refused
doc:
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked

# Check bans, licences and sources of the dependencies (cargo-deny)
deny:
    cargo deny check bans licenses sources

# Check the dependencies against the published advisories (cargo-deny, needs the network)
audit:
    cargo deny check advisories

# Lint the contracts (buf)
proto-lint:
    buf lint

# Fail if a contract breaks its readers since BASE (buf)
proto-breaking BASE='main':
    buf breaking --against '.git#branch={{ BASE }}'

# Every long form: upgrades, kills, attacks (`just soak 500` kills less often)
soak KILLS='10000': soak-upgrades (soak-kills KILLS) soak-abuse

# Kill the town 10 000 times under load (`just soak-kills 500` does it less often)
soak-kills KILLS='10000':
    VARCO_TEST_KILLS={{ KILLS }} cargo test -p varco-tests --test e2e kill::nothing_acknowledged -- --nocapture

# Replace the gateway 50 times under load (`just soak-upgrades 500` does it more often)
soak-upgrades UPGRADES='50':
    VARCO_TEST_UPGRADES={{ UPGRADES }} cargo test -p varco-tests --test e2e upgrade::no_call_fails -- --nocapture

# Attack the gateway from loopback, optimised and each attack for SECONDS, while another office calls it
soak-abuse SECONDS='30':
    VARCO_TEST_ABUSE_SECONDS={{ SECONDS }} cargo test --profile counted -p varco-tests --test e2e abuse:: -- --nocapture

# Run the measurements
bench:
    cargo bench --workspace --locked

# Count the instructions of one call under valgrind, and compare them with those expected
instructions:
    cargo bench --profile dev --locked -p varco-tests --bench instructions

# Measure what a call costs in a small installation and in a large one, whose register holds RECORDS
bench-flat RECORDS='1000000':
    cargo build --release --locked
    VARCO_BENCH_RECORDS={{ RECORDS }} cargo bench -p varco-tests --bench flat --locked

# Measure the memory of 10 000 streams that stand idle
bench-streams:
    cargo build --release --locked
    cargo bench -p varco-tests --bench streams --locked

# Run all that a submission must pass
ci:
    .ci/run
