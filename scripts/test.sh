#!/usr/bin/env bash
# Everything that must hold before a commit lands: format, lints, documentation, all tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step "set-up"
scripts/setup.sh
step "format"
cargo fmt --all --check
step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings
step "lints without MuJoCo"
# Over the whole workspace, so that the dependencies keep their features and are not built twice.
cargo clippy --workspace --no-default-features --all-targets --locked -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
step "tests"
cargo test --workspace --locked
step "tests without MuJoCo"
cargo test --workspace --no-default-features --locked --lib --test contract --test errors \
  --test bench
step "CUDA builds, types only"
scripts/check-cuda.sh
step "done"
