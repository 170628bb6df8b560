#!/usr/bin/env bash
# Writes into the folder that it is given what must go along with the program `fpo`:
#   crates.txt   every crate that is built into it for this machine, its licence and its authors
#   crates/      the licence texts of these crates, as their packages bring them
#
#   scripts/licences.sh FOLDER
#
# Needs cargo and the packages that a build has fetched; nothing is built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# = 1 ] || { echo "licences: expected one folder: scripts/licences.sh FOLDER" >&2; exit 2; }
mkdir -p "$1/crates"
folder=$(cd "$1" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
metadata() { cargo metadata --format-version 1 --locked --filter-platform "$host"; }

# What is only used by tests or while building is not part of the program.
cargo tree --locked -p fpo-cli -e normal --target "$host" --prefix none --format '{p}|{l}' \
  | sed 's/ ([^|]*)//; s/ (\*)$//' | sort -u >"$folder/.used"
metadata | python3 -c '
import json, pathlib, shutil, sys

folder = pathlib.Path(sys.argv[1])
used = {}
for line in (folder / ".used").read_text().splitlines():
    crate, licence = line.split("|")
    name, version = crate.split()[:2]
    used[name, version.removeprefix("v")] = licence
lines, texts = [], 0
kinds = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
for package in json.load(sys.stdin)["packages"]:
    name, version = package["name"], package["version"]
    if (name, version) not in used or package["source"] is None:
        continue
    licence = package["license"] or sys.exit(f"licences: {name} {version} names no licence")
    authors = ", ".join(author.split(" <")[0] for author in package["authors"])
    lines.append(f"{name} {version}  {licence}" + (f"  ({authors})" if authors else ""))
    home = pathlib.Path(package["manifest_path"]).parent
    before = texts
    for path in sorted(home.iterdir()):
        if path.is_file() and path.name.upper().startswith(kinds):
            own = folder / "crates" / f"{name}-{version}"
            own.mkdir(exist_ok=True)
            shutil.copyfile(path, own / path.name)
            texts += 1
    if texts == before:
        lines[-1] += "  [its package brings no text]"
missing = set(used) - {tuple(line.split()[:2]) for line in lines}
missing = sorted(name for name, _ in missing if not name.startswith("fpo-"))
if missing:
    sys.exit("licences: cargo metadata does not know " + ", ".join(missing))
(folder / "crates.txt").write_text("\n".join(sorted(lines)) + "\n")
print(f"licences: {len(lines)} crates, {texts} texts")
' "$folder"
rm "$folder/.used"
