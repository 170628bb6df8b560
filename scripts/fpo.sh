#!/usr/bin/env bash
# Sets up what is missing, builds the release program and runs it: scripts/fpo.sh train CONFIG …
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
"$root/scripts/setup.sh"
# From the root, because that is where cargo finds .cargo/config.toml and the pinned toolchain.
(cd "$root" && cargo build --release --locked --target-dir target)
exec "$root/target/release/fpo" "$@"
