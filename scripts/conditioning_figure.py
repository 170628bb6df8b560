#!/usr/bin/env python3
"""Draws return against what a policy is told, from a report of `configs/sweeps/conditioning.toml`.

    fpo report runs/conditioning -o conditioning.json
    python3 scripts/conditioning_figure.py conditioning.json -o conditioning.svg

needs nothing but Python. A task of the report that is called NAME-K-DEGREE is the K-th point of the
panel NAME: the mean over seeds of each entry, with the report's 95 % interval.
"""

import argparse
import html
import json
import sys

COLOURS = ("#1f6fb4", "#c2571a", "#3a8a4d", "#7a4aa8")
INK, GRID = "#222222", "#dddddd"
PANEL, PLOT, HEIGHT, TOP, LEFT = 200, 150, 150, 74, 44
# How far the points of neighbouring entries are apart, in pixels.
BESIDE = 8


class FigureError(Exception):
    """A report that cannot be drawn."""


def panels(report):
    """The panels by name: lists of (degree, cells of the entries) in the order of numbers."""
    found = {}
    for task in report["tasks"]:
        name, number, degree = (task["name"].rsplit("-", 2) + ["", ""])[:3]
        if not number.isdigit():
            raise FigureError(f"task {task['name']} is not called NAME-NUMBER-DEGREE")
        cells = {cell["entry"]: cell for cell in task["cells"] if cell["n"] > 0}
        found.setdefault(name, []).append((int(number), degree, cells))
    if not found:
        raise FigureError("the report has no tasks")
    return {name: [point[1:] for point in sorted(points, key=lambda p: p[0])]
            for name, points in found.items()}


def ends(points):
    """The least and the largest number of a panel; 0 is among them where all are positive."""
    cells = [cell for _, cells in points for cell in cells.values()]
    numbers = [x for cell in cells for x in (cell["interval"] or []) + [cell["mean"]]]
    low, high = min(numbers + [0.0]), max(numbers + [0.0])
    return low, high if high > low else low + 1.0


def text(x, y, words, anchor="middle", colour=INK, size=12):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-size="{size}">{html.escape(words)}</text>')


def draw_panel(left, name, points, entries):
    """The elements of one panel whose plot begins at `left`."""
    low, high = ends(points)

    def height(value):
        return TOP + HEIGHT * (high - value) / (high - low)

    def place(degree, entry):
        middle = left + PLOT * (degree + 0.5) / len(points)
        return middle + BESIDE * (entry - (len(entries) - 1) / 2)

    out = [text(left + PLOT / 2, TOP - 12, name, size=13)]
    for value in sorted({low, 0.0, high}):
        out.append(f'<path d="M{left} {height(value):.1f}h{PLOT}" stroke="{GRID}"/>')
        out.append(text(left - 5, height(value) + 4, f"{value:.4g}", "end", size=10))
    for k, (degree, _) in enumerate(points):
        out.append(text(left + PLOT * (k + 0.5) / len(points), TOP + HEIGHT + 18, degree, size=11))
    for index, entry in enumerate(entries):
        colour = COLOURS[index % len(COLOURS)]
        seen = [(k, cells[entry]) for k, (_, cells) in enumerate(points) if entry in cells]
        line = "L".join(f"{place(k, index):.1f} {height(c['mean']):.1f}" for k, c in seen)
        out.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        for k, cell in seen:
            x = place(k, index)
            if cell["interval"]:
                a, b = map(height, cell["interval"])
                out.append(f'<path d="M{x:.1f} {a:.1f}V{b:.1f}" stroke="{colour}"/>')
            out.append(f'<circle cx="{x:.1f}" cy="{height(cell["mean"]):.1f}" r="3.5" '
                       f'fill="{colour}"/>')
    return out


def figure(report):
    """The figure as SVG."""
    entries = [entry["label"] for entry in report["entries"]]
    drawn = panels(report)
    width = LEFT + PANEL * len(drawn)
    out = []
    for k, (name, points) in enumerate(drawn.items()):
        out += draw_panel(LEFT + PANEL * k, name, points, entries)
    x = LEFT
    for index, entry in enumerate(entries):
        out.append(f'<circle cx="{x + 4}" cy="22" r="3.5" fill="{COLOURS[index % len(COLOURS)]}"/>')
        out.append(text(x + 14, 26, entry, "start"))
        x += 30 + 8 * len(entry)
    total = TOP + HEIGHT + 34
    title = "Return against what the policy is told; bars are 95 % intervals over seeds"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{total}" '
        f'viewBox="0 0 {width} {total}" font-family="Inter, Helvetica, Arial, sans-serif" '
        f'role="img">',
        f"<title>{title}</title>",
        f'<rect width="{width}" height="{total}" fill="#ffffff"/>',
        *out,
        "</svg>\n",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", help="file of `fpo report -o FILE.json`")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="SVG to write")
    args = parser.parse_args()
    try:
        with open(args.report, encoding="utf-8") as file:
            drawn = figure(json.load(file))
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(drawn)
    except (KeyError, TypeError) as error:
        sys.exit(f"conditioning_figure: {args.report}: no report of fpo: {error}")
    except (OSError, ValueError, FigureError) as error:
        sys.exit(f"conditioning_figure: {args.report}: {error}")


if __name__ == "__main__":
    main()
