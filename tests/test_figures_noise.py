"""Pictures of noise floors and excesses: their scales, what is pale, and what they say of it."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps

from drawing import SMALL, assert_clean, axes_called, make_fingerprint, texts
from nntf_cli.errors import MismatchError
from nntf_cli.figures import draw_band, draw_fingerprint, draw_panels
from nntf_cli.figures.cells import fit_grid
from nntf_cli.figures.heatmap import pixels_of
from nntf_cli.figures.scales import scale_for
from nntf_cli.model import Band


def make_excess(n=8, notable=(), moved=None):
    """Return an excess of 0.3 below the diagonal and everywhere else, of which some pairs stand out."""
    matrix = make_fingerprint(n, moved)
    values, marks = np.full((n, n), 0.3), np.zeros((n, n), dtype=bool)
    for i, j in notable:
        marks[i, j] = marks[j, i] = True
    values[1, 0] = values[0, 1] = -0.6
    return replace(matrix, matrix=values, of="excess", notable=marks)


def words(figure):
    return " ".join(text.strip() for text in texts(figure).split("|"))


def test_an_excess_has_a_scale_around_0_and_pale_cells():
    excess = make_excess(notable=[(1, 0), (5, 2)])
    scale = scale_for([excess], SMALL)
    assert (scale.norm.vmin, scale.norm.vmax) == (-0.6, 0.6)
    grid = fit_grid((8, 8), 80)
    rgba = pixels_of(excess, grid, scale)[:: grid.rows.pixels, :: grid.columns.pixels, :3]
    full = np.array(colormaps["RdBu_r"](0.75, bytes=True)[:3])
    assert rgba[5, 2].tolist() == full.tolist()
    assert rgba[1, 0].tolist() == list(colormaps["RdBu_r"](0.0, bytes=True)[:3])
    pale = rgba[6, 3].astype(int)
    assert (pale > full).all()
    assert (pale >= 220).all()


def test_noise_does_not_get_the_full_range_of_colours():
    excess = make_excess()
    little = replace(excess, matrix=excess.matrix / 150)
    for several, end in (([little], 0.5), ([little, excess], 0.6)):
        scale = scale_for(several, SMALL)
        assert (scale.norm.vmin, scale.norm.vmax) == (-end, end)
    assert "RdBu" in scale.cmap.name


def test_panels_of_excesses_say_how_many_pairs_stand_out():
    excesses = [make_excess(notable=[(1, 0), (5, 2)][:k]) for k in (2, 1)]
    figure = draw_panels(excesses, [["decay 0", "50 epochs"], "a run " * 40], style=SMALL)
    assert_clean(figure)
    lines = [text.get_text() for text in figure.texts if "of 28 pairs" in text.get_text()]
    assert lines[0] == ("decay 0, 50 epochs: of 28 pairs 1 are farther apart than chance gives, 1 nearer")
    assert lines[1].endswith("a run : of 28 pairs 0 are farther apart than chance gives, 1 nearer")
    named = replace(excesses[1], axes=make_fingerprint(8, run="another").axes)
    said = words(draw_panels([excesses[0], named], ["a " * 50, "b"], style=SMALL))
    assert "run_a (train): of 28 pairs 1" in said
    assert "another (train): of 28 pairs 0" in said
    said = words(draw_panels([make_excess()] * 14, [str(k) for k in range(14)], style=SMALL))
    assert said.count("of 28 pairs") == 11
    assert "and 3 more panels" in said


def test_a_block_is_the_paler_the_fewer_of_its_cells_stand_out():
    n = 200
    excess = make_excess(n)
    excess.notable[:100, :100] = True
    excess.notable[100:, 100::2] = True
    grid = fit_grid((n, n), 50)
    rgba = pixels_of(excess, grid, scale_for([excess], SMALL))
    dark, half, light = (int(rgba[k][m][2]) for k, m in ((10, 10), (40, 40), (10, 40)))
    assert dark < half < light


def test_the_picture_says_what_pale_means():
    figure = draw_fingerprint(make_excess(notable=[(1, 0), (5, 2), (6, 2)]), style=SMALL)
    assert_clean(figure)
    said = words(figure)
    assert "run_a (train): distance beyond chance" in said
    assert "pale: no more than chance" in said
    assert "Benjamini" in said
    assert "of 28 pairs 2 are farther apart than chance gives, 1 nearer" in said
    assert "pale" not in words(draw_fingerprint(make_fingerprint(8), style=SMALL))


def test_quiet_transitions_have_no_excess():
    said = words(draw_fingerprint(make_excess(moved=[1, 0, 3, 4, 5, 6, 7, 8]), style=SMALL))
    assert "no excess, by definition" in said
    assert "d = 1" not in said


def test_a_floor_is_drawn_as_distances_are():
    floor = replace(make_fingerprint(6), of="floor")
    figure = draw_fingerprint(floor, style=SMALL)
    scale = scale_for([floor], SMALL)
    assert (scale.norm.vmin, scale.norm.vmax, scale.label) == (0, 1, "noise floor (d by chance)")
    assert "run_a (train): distance by chance" in words(figure)
    assert scale_for([floor, make_fingerprint(6)], SMALL).label == "distance d (Eq. 1)"


def test_three_panels_have_two_scales_and_say_things_once():
    plain = make_fingerprint(8, [1, 0, 3, 4, 5, 6, 7, 8])
    excess = replace(make_excess(notable=[(5, 2)]), axes=plain.axes)
    figure = draw_panels(
        [plain, replace(plain, of="floor")], ["distance", "floor"], differences=[excess], difference_titles=["excess"],
        style=SMALL,
    )  # fmt: skip
    assert_clean(figure)
    assert len(axes_called(figure, "heatmap")) == 3
    assert len([axes for axes in figure.axes if axes.get_label().startswith("colour bar")]) == 2
    assert "nothing moved (1 of 8 transitions)" in words(figure)
    assert "1 and 1" not in words(figure)


def test_distances_and_excesses_do_not_share_a_scale():
    with pytest.raises(MismatchError, match="excesses over the noise floor"):
        scale_for([make_fingerprint(8), make_excess()], SMALL)


@pytest.mark.parametrize(("of", "name"), [("excess", "excess"), ("floor", "noise floor")])
def test_a_band_says_of_what(of, name):
    figure = draw_band(replace(make_excess(), of=of), Band(-0.1, 0.35), style=SMALL)
    assert f"\u22120.10 \u2264 {name} \u2264 0.35" in words(figure)
