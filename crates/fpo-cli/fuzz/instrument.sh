#!/usr/bin/env bash
# Stands before rustc, so that cargo builds the crates that are fuzzed with counters of the edges
# taken and of the values compared; what they stand on stays as fast as it is. These flags are those
# of stable Rust. scripts/fuzz.sh names this file to cargo as RUSTC_WRAPPER.
set -euo pipefail
# Build scripts and what they stand on are built without optimisation, and run without libFuzzer.
case " $* " in
  *" opt-level="*) ;;
  *) exec "$@" ;;
esac
case " $* " in
  *" --crate-name build_script_"* | *" --crate-type proc-macro "*) ;;
  *" --crate-name fpo_"* | *" --crate-name toml"* | *" --crate-name serde_json "* | \
    *" --crate-name safetensors "* | *" --crate-name "*" targets/"*)
    set -- "$@" -Cpasses=sancov-module \
      -Cllvm-args=-sanitizer-coverage-level=4 \
      -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
      -Cllvm-args=-sanitizer-coverage-pc-table \
      -Cllvm-args=-sanitizer-coverage-trace-compares \
      -Ccodegen-units=1 --cfg fuzzing ;;
esac
exec "$@"
