"""The report as JSON and as Markdown."""
import json
import os


def write(folder, report):
    """Writes report.json and report.md, whole or not at all."""
    for name, text in (("report.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n"),
                       ("report.md", markdown(report))):
        path = os.path.join(folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".new", path)


def markdown(report):
    """The report for people."""
    manifest, machine = report["manifest"], report["machine"]
    lines = [f"# GPU check: {report['verdict']}", ""]
    lines += [f"- asked for `{report['asked']}`, ran on `{report['device']}`, "
              f"{report['seconds']:.0f} s of at most {report['limit_s']:.0f}",
              f"- {manifest.get('program', 'fpo')}, commit {manifest.get('commit', 'unknown')}, "
              f"packed {manifest.get('packed', 'never')}",
              f"- {machine['cpu']}, {machine['cpu_threads']} threads; {machine['os']}; Python "
              f"{machine['python']}"]
    for card in machine["cards"]:
        lines.append(f"- {card['name']}, compute capability {card['compute_cap']}, "
                     f"{card['memory.total']}, driver {card['driver_version']}")
    if not machine["cards"]:
        lines.append("- nvidia-smi lists no card")
    lines += [f"- {name}: {path}" for name, path in report["libraries"].items()]
    lines += [f"- **cannot run on {report['asked']}**: {words}" for words in report["missing"]]
    lines += ["", "| part | on | result | s | |", "|---|---|---|---|---|"]
    for part in report["parts"]:
        line = part["line"].replace("|", "\\|")
        lines.append(f"| {part['name']} | {part['device']} | {part['status']} | "
                     f"{part['seconds']:.0f} | {line} |")
    for part in report["parts"]:
        if part["text"]:
            lines += ["", f"## {part['name']}", ""]
            table = part["text"].startswith("|")
            lines += [part["text"]] if table else ["```text", part["text"], "```"]
    return "\n".join(lines) + "\n"
