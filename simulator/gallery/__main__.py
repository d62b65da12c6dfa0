"""`python -m simulator.gallery [OUT]`: the page of all scenarios and benign life; `python -m simulator.gallery packs`: a picture of each pack."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path

from simulator.gallery.benign import life_cards
from simulator.gallery.cards import scenario_cards
from simulator.gallery.page import page
from simulator.gallery.stage import Stage
from simulator.gallery.works import work_cards


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "build/gallery/index.html")
    cards = []
    stage = Stage()
    for card in chain(scenario_cards(stage), life_cards(stage), work_cards(stage)):
        cards.append(card)
        print(f"\r{len(cards)} cards", end="", flush=True)
    text = page(cards)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(f"\n{out}: {len(cards)} cards, {len(text) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
