"""HTML made of parts that are escaped unless they are `Markup` already: no value from a feed can become a tag."""

from __future__ import annotations

from html import escape

VOID = frozenset({"br", "hr", "img", "input", "meta", "link"})


class Markup(str):
    """Text that is HTML by intention."""

    __slots__ = ()


Child = str | int | None


def el(name: str, /, *children: Child, **attributes: str | int | bool | None) -> Markup:
    """One element. `class_` is the class, underscores in attribute names become hyphens; None and False are left out.

    >>> el("a", "5 < 6", href="/x?a=1&b=2", class_="chip")
    '<a href="/x?a=1&amp;b=2" class="chip">5 &lt; 6</a>'
    """
    opened = name
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        spelled = key.rstrip("_").replace("_", "-")
        opened += f" {spelled}" if value is True else f' {spelled}="{escape(str(value))}"'
    if name in VOID:
        return Markup(f"<{opened}>")
    return Markup(f"<{opened}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """Parts one after the other."""
    return Markup("".join(str(c) if isinstance(c, Markup) else escape(str(c)) for c in children if c is not None))
