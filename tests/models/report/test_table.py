"""Numbers as a table shows them, and a paper's beside ours."""

import pytest

from radiofm_models.report import SMOKE, Cell, Column, Measured, Table, beside_paper


def test_spread_is_over_seeds_with_n_minus_1() -> None:
    assert Measured.over([1, 3]) == Measured(2.0, 2**0.5, (1.0, 3.0))
    assert Measured.over([4]) == Measured(4.0, None, (4.0,))


@pytest.mark.parametrize(
    ("spec", "cell", "shown"),
    [
        (".1%", Measured(0.939, 0.012), "93.9 ± 1.2%"),
        (".1%", 0.939, "93.9%"),
        (".2f", Measured(0.41, 0.02), "0.41 ± 0.02"),
        (".2f", 1_228_800, "1,228,800"),
        (".2f", None, "–"),
        (".2f", float("nan"), "nan"),
        (".2f", "as it is", "as it is"),
    ],
)
def test_a_cell_as_it_is_shown(spec: str, cell: Cell, shown: str) -> None:
    assert Column("c", spec).text(cell) == shown


def test_the_best_is_by_number_and_not_by_text() -> None:
    columns = [Column("way"), Column("up", ".1f", "max"), Column("down", ".0f", "min")]
    rows: list[list[Cell]] = [["a", 9.0, 100.0], ["b", 10.0, 20.0], ["c", None, float("nan")]]
    assert Table("t", columns, rows).best() == [None, "10.0", "20"]
    assert Table("t", columns, rows[:1]).best() == [None, None, None]  # nothing to be better than


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 columns"):
        Table("t", [Column("a"), Column("b")], [["x"]])


PAPER: dict[str, list[Cell]] = {"ViT-S": [0.902], "ViT-M": [0.920], "ViT-L": [0.893]}
OURS: dict[str, list[Cell]] = {
    "ViT-S": [Measured.over([0.8, 0.82])],
    "ViT-M": [None],
    "nano": [0.5],
}
COLUMNS = [Column("mask 70 %", ".1%", "max")]


def test_beside_the_paper() -> None:
    table = beside_paper(
        "T", "ViT-MSM, Table IV", "model", COLUMNS, PAPER, OURS, "paper", {"nano": "never reached"}
    )
    assert [column.title for column in table.columns] == [
        "model", "mask 70 %, paper", "mask 70 %, ours", "comparable",
    ]  # fmt: skip
    assert table.texts() == [
        ["ViT-S", "90.2%", "81.0 ± 1.4%", "yes"],
        ["ViT-M", "92.0%", "–", "no: not run"],
        ["ViT-L", "89.3%", "–", "no: not run"],
        ["nano", "–", "50.0%", "no: not in the paper"],
    ]
    assert SMOKE not in table.note
    assert table.best() == [None, None, "81.0 ± 1.4%", None]  # ours, among ours


def test_a_reason_makes_a_row_not_comparable() -> None:
    differs = {"ViT-S": "simulated data"}
    table = beside_paper("T", "x", "model", COLUMNS, PAPER, OURS, "paper", differs)
    assert table.rows[0][-1] == "no: simulated data"


def test_smoke_is_never_comparable() -> None:
    table = beside_paper("T", "x", "model", COLUMNS, PAPER, OURS, "smoke")
    assert table.rows[0][-1] == "no: smoke scale"
    assert not any(row[-1] == "yes" for row in table.rows)
    assert SMOKE in table.note
