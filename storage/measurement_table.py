"""The measurements as a page of Markdown: `docs/measurements.md` holds it between two marks, and a test compares."""

from __future__ import annotations

from metering.points import SCHEMA

BEGIN = "<!-- measurements: begin (python -m storage.measurement_table docs/measurements.md) -->"
END = "<!-- measurements: end -->"


def measurement_table() -> str:
    """A section per measurement: what it means, its tags, its fields with their units."""
    sections = []
    for name, schema in SCHEMA.items():
        fields = [f"| `{field}` | {unit} |" for field, unit in schema.fields.items()]
        tags = ", ".join(f"`{tag}`" for tag in schema.tags)
        sections.append(
            "\n".join(
                [f"### `{name}`", "", schema.meaning, "", f"Tags: {tags}", "", "| field | unit |", "|---|---|", *fields]
            )
        )
    return "\n\n".join(sections)


def with_table(page: str) -> str:
    """The page with the table between its marks brought up to date; ValueError where it has no marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{measurement_table()}\n\n{END}{after}"


if __name__ == "__main__":
    import sys
    from pathlib import Path

    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
