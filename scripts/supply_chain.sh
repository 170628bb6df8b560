#!/usr/bin/env bash
# Looks at what the program is built from: licences, sources, banned crates, known vulnerabilities.
#
#   scripts/supply_chain.sh            fetches the advisories first
#   scripts/supply_chain.sh --offline  takes them from FPO_ADVISORIES, a clone of the RustSec
#                                      advisory database, or leaves them out where that is not set
#
# Needs cargo-deny (`cargo install --locked cargo-deny`), and takes cargo-audit as well where it is
# installed. What could not be looked at is said at the end, and ends the script with 3 unless
# something is wrong, which ends it with 1. That every package says its licence and comes from the
# registry is looked at without either tool.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1:-}" in
  "") offline="" ;;
  --offline) offline=yes ;;
  *) echo "supply_chain: $1 is not --offline" >&2; exit 2 ;;
esac
advisories=${FPO_ADVISORIES:-}
if [ -n "$advisories" ] && [ ! -d "$advisories/crates" ]; then
  echo "supply_chain: FPO_ADVISORIES is $advisories, which holds no folder crates:" \
    "it must be a clone of the RustSec advisory database" >&2
  exit 2
fi
flags=(--locked ${offline:+--offline})
# Those of scripts/deny.toml.
features=mujoco,accelerate,cuda,cudnn,metal
bad=0 left_out=()
step() { printf '\n== %s\n' "$1"; }

step "every package says its licence and comes from the registry"
cargo metadata --format-version 1 "${flags[@]}" --features "$features" | python3 -c '
import json, sys
packages = json.load(sys.stdin)["packages"]
others = [p for p in packages if p["source"] is not None]
registry = "registry+https://github.com/rust-lang/crates.io-index"
faults = [p["name"] + ": no licence" for p in packages if not p["license"]]
faults += [p["name"] + ": from " + p["source"] for p in others if p["source"] != registry]
print("\n".join(faults) or f"{len(others)} packages are from the registry")
sys.exit(bool(faults))' || bad=1

step "cargo-deny: licences, banned crates, sources"
if cargo deny --version >/dev/null 2>&1; then
  deny=(cargo deny --config scripts/deny.toml "${flags[@]}" check --hide-inclusion-graph)
  "${deny[@]}" --show-stats licenses bans sources || bad=1
  step "cargo-deny: advisories"
  if [ -z "$offline" ]; then
    "${deny[@]}" advisories || bad=1
  else
    left_out+=("cargo-deny's advisories: they are fetched, and --offline forbids that")
  fi
else
  left_out+=("cargo-deny: it is not installed (cargo install --locked cargo-deny)")
fi

step "cargo-audit: advisories"
if ! cargo audit --version >/dev/null 2>&1; then
  left_out+=("cargo-audit: it is not installed (cargo install --locked cargo-audit)")
elif [ -n "$advisories" ]; then
  date=$(git -C "$advisories" log -1 --format=%cs 2>/dev/null || echo "an unknown day")
  echo "advisories of $date"
  cargo audit --no-fetch --stale --db "$advisories" || bad=1
elif [ -z "$offline" ]; then
  cargo audit || bad=1
else
  left_out+=("cargo-audit: --offline, and FPO_ADVISORIES names no database")
fi

step "result"
for what in ${left_out[@]+"${left_out[@]}"}; do
  echo "not looked at: $what"
done
if [ "$bad" != 0 ]; then
  echo "supply_chain: something above is wrong" >&2
  exit 1
fi
if [ ${#left_out[@]} != 0 ]; then
  echo "supply_chain: nothing is wrong in what was looked at"
  exit 3
fi
echo "supply_chain: nothing is wrong"
