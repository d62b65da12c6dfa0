"""`python -m simulator.gallery [OUT]`: the page of all scenarios and benign life; `python -m simulator.gallery packs`: a picture of each pack."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

from simulator.gallery.benign import life_cards
from simulator.gallery.cards import scenario_cards
from simulator.gallery.pack_pictures import draw_pack, live_pack, pack_recipe
from simulator.gallery.packs_page import PAGE, packs_page
from simulator.gallery.page import page
from simulator.gallery.stage import Stage
from simulator.gallery.works import work_cards
from simulator.packs import PACKS

OUT = Path("build/gallery/index.html")


def main(arguments: list[str]) -> None:
    if arguments == ["packs"]:
        write_packs(PAGE)
    else:
        write_gallery(Path(arguments[0]) if arguments else OUT)


def write_gallery(out: Path) -> None:
    """Write the page; it takes about a minute."""
    stage, cards = Stage(), []
    for card in chain(scenario_cards(stage), life_cards(stage), work_cards(stage)):
        cards.append(card)
        if len(cards) % 10 == 0:
            print(f"{len(cards)} cards drawn", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(cards), encoding="utf-8")
    print(f"{out}: {len(cards)} cards")


def write_packs(to: Path) -> None:
    """Write the page of packs, and beside it their pictures into `packs/`."""
    pictures = to.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    lived = {}
    for name in PACKS:
        lived[name] = live_pack(pack_recipe(name))
        draw_pack(pictures / f"{name}.png", lived[name])
        print(pictures / f"{name}.png", flush=True)
    to.write_text(packs_page(lived), encoding="utf-8")
    print(to)


if __name__ == "__main__":
    main(sys.argv[1:])
