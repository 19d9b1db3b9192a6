from __future__ import annotations

from pathlib import Path

import matplotlib
import pytest

from nnanim.design import fonts
from nnanim.design.fonts import drawable, load_font, missing_glyphs, text_width_pt
from nnanim.errors import OptionError

BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def test_bundled_font_comes_first():
    assert load_font(None) == ("DejaVu Sans",)
    assert load_font(str(BUNDLED / "STIXGeneral.ttf")) == ("DejaVu Sans", "STIXGeneral")


@pytest.mark.parametrize("name", ["missing.ttf", "text.ttf"])
def test_what_is_no_font_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.ttf").write_text("not a font")
    expected = {
        "missing.ttf": "there is no font file 'missing.ttf'",
        "text.ttf": "'text.ttf' is not a font file that can be read (TrueType or OpenType)",
    }
    with pytest.raises(OptionError) as error:
        load_font(name)
    assert str(error.value) == expected[name]


def test_missing_glyphs_are_named_once():
    assert missing_glyphs(["setosa", "ひれ長さ", "ひれ幅"], ("DejaVu Sans",)) == "ひれ長さ幅"
    assert missing_glyphs(["naïve Ωμέγα Ж"], ("DejaVu Sans",)) == ""


def test_second_font_fills_the_gaps_of_the_first():
    only_there = next(c for c in map(chr, range(0x1D400, 0x1D800)) if missing_glyphs([c], ("DejaVu Sans",)))
    families = load_font(str(BUNDLED / "STIXGeneral.ttf"))
    assert missing_glyphs([only_there], families) == ""


def test_width_grows_with_size_and_text():
    assert text_width_pt("", 12) == 0
    assert text_width_pt("mm", 12) == pytest.approx(2 * text_width_pt("m", 12), rel=0.1)
    assert text_width_pt("mmmm", 24) == pytest.approx(2 * text_width_pt("mmmm", 12), rel=0.1)


def test_a_long_name_is_cut_to_the_last_letter_that_fits():
    from nnanim.design.fonts import fitted

    for text in ("m" * 100_000, "layer." * 5_000):
        cut, size_pt = fitted(text, 10, 100, ("DejaVu Sans",))
        kept = len(cut) - 1
        assert cut == text[:kept] + "…"
        assert text_width_pt(cut, size_pt) <= 100 < text_width_pt(text[: kept + 1].rstrip() + "…", size_pt)


def test_thin_spaces_are_drawn_and_controls_are_boxes():
    assert drawable("2\N{NARROW NO-BREAK SPACE}368", "") == "2\N{NARROW NO-BREAK SPACE}368"
    assert drawable("a\x1b[2J", "") == "a\N{WHITE SQUARE}[2J"


def test_lines_of_any_length_are_measured_by_their_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []

    class Font:
        def set_size(self, *_: float) -> None: ...

        def set_text(self, text: str, _angle: float) -> None:
            measured.append(len(text))

        def get_width_height(self) -> tuple[int, int]:
            return 64 * measured[-1], 64

    monkeypatch.setattr(fonts, "font_of", lambda _: Font())
    assert fonts.text_width_pt("W" * 100, 10) == 100
    assert fonts.text_width_pt("W" * 100_000, 10) == 100_000
    assert max(measured) == fonts.LONGEST_MEASURED
