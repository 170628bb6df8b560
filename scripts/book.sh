#!/usr/bin/env bash
# Makes the documentation a site: target/book/docs/index.html.
# Pages lead to a few files outside docs; they are put beside the site, under their own names, and
# at the end every link within the site is followed. Needs mdbook (docs/packaging.md) and Python 3.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v mdbook >/dev/null \
  || { echo "book: mdbook is needed: cargo install mdbook --version 0.4.52" >&2; exit 1; }
rm -rf target/book
mdbook build
python3 - <<'PY'
import pathlib, re, shutil, sys, urllib.parse

site = pathlib.Path("target/book/docs")
dead = []
for page in sorted(site.glob("*.html")):
    text = page.read_text()
    # mdBook takes every Markdown file for a page of its own; those outside docs are none.
    changed = re.sub(r'href="(\.\./[^"#]*)\.html(#[^"]*)?"', r'href="\1.md"', text)
    if changed != text:
        page.write_text(changed)
    for target in re.findall(r'(?:href|src)="([^"]+)"', changed):
        url = urllib.parse.urlparse(target)
        if url.scheme or not url.path:
            continue
        file = site / urllib.parse.unquote(url.path)
        outside = pathlib.Path("docs") / urllib.parse.unquote(url.path)
        if target.startswith("../") and outside.is_file():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(outside, file)
        if not file.exists():
            dead.append(f"{page.name}: {target}")
        elif url.fragment and file.suffix == ".html" and url.fragment not in re.findall(
            r'id="([^"]+)"', file.read_text()
        ):
            dead.append(f"{page.name}: {target}")
if dead:
    sys.exit("book: dead links:\n" + "\n".join(dead))
print(f"book: {len(list(site.glob('*.html')))} pages, {site}/index.html")
PY
