"""Records go to JSON and back, and what breaks a rule is named."""

import json
from dataclasses import dataclass
from typing import Literal

import pytest

from polyscale.errors import InputError
from polyscale.records import FieldError, Record, decode, read_json, write_json
from polyscale.records.codec import Count, Positive, Share


@dataclass(frozen=True, kw_only=True)
class Inner(Record):
    share: Share
    note: str | None = None


@dataclass(frozen=True, kw_only=True)
class Outer(Record):
    name: str
    kind: Literal["a", "b"]
    cost: Positive
    num: Count = 0
    is_good: bool = True
    pair: tuple[int, int] = (0, 0)
    inner: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] | None = None

    def __post_init__(self) -> None:
        if self.pair[0] > self.pair[1]:
            raise ValueError("must have a pair that rises")


FIRST = Outer(name="é", kind="a", cost=2.5, pair=(1, 2), inner=(Inner(share=0.5, note="x"),))
ROW = {"name": "n", "kind": "a", "cost": 1}


def test_a_record_is_the_same_after_its_way_through_json(tmp_path):
    every = (FIRST, Outer(**ROW, by_name={"k": Inner(share=1)}))
    write_json(tmp_path / "x.json", [record.to_dict() for record in every])
    assert read_json(tmp_path / "x.json", tuple[Outer, ...]) == every
    assert Outer.from_dict(json.loads(json.dumps(FIRST.to_dict()))) == FIRST


def test_fields_of_later_versions_are_left_alone_and_of_older_ones_have_their_default():
    assert Outer.from_dict(ROW | {"of_tomorrow": {}}) == Outer(**ROW)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (7, "must be an object, but is 7"),
        ({"name": "n", "kind": "a"}, "cost must be there, but is missing"),
        (ROW | {"name": 1}, "name must be text, but is 1"),
        (ROW | {"name": "\ud800"}, "name must be text without lone surrogates, but is"),
        (ROW | {"kind": "c"}, "kind must be one of 'a', 'b', but is 'c'"),
        (ROW | {"kind": []}, r"kind must be one of 'a', 'b', but is \[\]"),
        (ROW | {"cost": "x"}, "cost must be a number above 0, but is 'x'"),
        (ROW | {"cost": 0}, "cost must be a number above 0, but is 0"),
        (ROW | {"cost": True}, "cost must be a number above 0, but is True"),
        (ROW | {"cost": float("nan")}, "cost must be a number above 0, but is nan"),
        (ROW | {"cost": 10**400}, "cost must be a number above 0, but is 1000"),
        (ROW | {"num": 1.5}, "num must be a whole number of at least 0, but is 1.5"),
        (ROW | {"num": -1}, "num must be a whole number of at least 0, but is -1"),
        (ROW | {"is_good": 1}, "is_good must be true or false, but is 1"),
        (ROW | {"pair": [1]}, r"pair must be a list of 2, but is \[1\]"),
        (ROW | {"pair": [2, 1]}, "must have a pair that rises"),
        (ROW | {"inner": {}}, "inner must be a list, but is {}"),
        (
            ROW | {"inner": [{"share": 0}, {"share": 1.1}]},
            r"inner\[1\]\.share must be a number from 0 to 1, but is 1\.1",
        ),
        (ROW | {"by_name": {"k": {}}}, r"by_name\.k\.share must be there"),
    ],
)
def test_what_breaks_a_rule_is_named(row, message):
    with pytest.raises(FieldError) as caught:
        Outer.from_dict(row)
    assert pytest.importorskip("re").match(message, str(caught.value)), str(caught.value)


def test_a_file_is_named_with_its_row(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ROW, ROW | {"cost": "x" * 200}]))
    with pytest.raises(InputError, match=r"rows\.json, row 2: cost must be a number above 0") as e:
        read_json(path, tuple[Outer, ...])
    assert len(str(e.value)) < len(str(path)) + 220
    path.write_text("7")
    with pytest.raises(InputError, match=r"rows\.json must be a list, but is 7\. Run polyscale"):
        read_json(path, tuple[Outer, ...])


@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"[1"])
def test_what_is_no_json_is_named_in_one_line(tmp_path, content):
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.json must be as polyscale compare wrote it") as e:
        read_json(path, tuple[Outer, ...])
    assert "\n" not in str(e.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.json must be a file that polyscale compare wrote"):
        read_json(tmp_path / "no.json", Outer)


def test_numbers_that_other_readers_refuse_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "x.json", float("nan"))


def test_a_choice_of_types_other_than_none_is_no_schema():
    with pytest.raises(ValueError, match="too many values"):
        decode(int | str, 1)
