"""Traces: each kind is read, and what is wrong is told line by line."""

from __future__ import annotations

import gzip
import json

import pytest

from firstlight.errors import DocumentError, UsageError
from firstlight.spec.traces import read_trace

AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.1319600,110,27\n"
)
BURST = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n45,ChatGPT,1087,0,1087,API log\n118,GPT-4,417,276,693,Conversation log\n"
)
PLAIN = "arrival,prompt,answer\n0,100,10\n0.5,200,20\n"


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_azure_times_are_dates(tmp_path):
    trace = read_trace(write(tmp_path, "a.csv", AZURE))
    assert (trace.kind, trace.prompt.tolist(), trace.answer.tolist()) == ("Azure", [4808, 110], [10, 27])
    assert trace.arrival == pytest.approx([0, 0.152])


def test_failed_requests_of_burstgpt_are_left_out(tmp_path):
    trace = read_trace(write(tmp_path, "b.csv", BURST))
    assert (trace.kind, trace.arrival.tolist(), trace.answer.tolist()) == ("BurstGPT", [0, 113], [18, 276])


def test_mooncake_has_blocks_and_may_be_compressed(tmp_path):
    rows = [
        {"timestamp": 0, "input_length": 1000, "output_length": 5, "hash_ids": [0, 1]},
        {"timestamp": 3000, "input_length": 600, "output_length": 7, "hash_ids": [0, 2]},
    ]
    path = tmp_path / "m.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, rows)))
    trace = read_trace(path)
    assert (trace.kind, trace.arrival.tolist(), trace.blocks) == ("Mooncake", [0, 3], ((0, 1), (0, 2)))


def test_a_plain_table(tmp_path):
    trace = read_trace(write(tmp_path, "p.csv", PLAIN))
    assert (trace.kind, len(trace), trace.arrival.tolist(), trace.blocks) == ("table", 2, [0, 0.5], None)


def test_requests_beyond_the_context_are_told_with_their_line_and_left_out(tmp_path):
    rows = "0,9000,10\n1,100,0\n2,90,10\n3,91,10\n4,90,10\n"
    trace = read_trace(write(tmp_path, "p.csv", f"arrival,prompt,answer\n{rows}"))
    less, told = trace.within(100)
    assert (less.arrival.tolist(), less.prompt.tolist()) == ([0, 2], [90, 90])
    assert told == ("2 of 4 requests are beyond the model's context of 100 tokens, the first in line 2 with 9,000 + 10")
    assert trace.within(10_000) == (trace, "")
    with pytest.raises(UsageError, match=r"4 of 4 requests are beyond .* serve a model with a longer context"):
        trace.within(50)


def test_what_is_left_of_a_trace_keeps_its_blocks(tmp_path):
    rows = [{"timestamp": i, "input_length": 512 * n, "output_length": 5, "hash_ids": list(range(n))}
            for i, n in enumerate((1, 3, 1))]  # fmt: skip
    trace = read_trace(write(tmp_path, "m.jsonl", "\n".join(map(json.dumps, rows))))
    assert trace.within(1000)[0].blocks == ((0,), (0,))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,100", "no value for `answer`"),
        ("1,,5", "no value for `prompt`"),
        ("1,many,5", '"many" is no number of tokens'),
        ("noon,100,5", '"noon" is no time'),
        ("0.2,100,10", "the time goes back from 0.5 s to 0.2 s"),
        ("-1,100,10", "a time of -1 s, before the trace begins"),
        ("nan,100,10", "nan is no time"),
        ("1,0,10", "a prompt of 0 tokens"),
        ("1,100,-3", "an answer of -3 tokens"),
        ("1,100,999999999", "an answer of 999,999,999 tokens"),
        ("1,1.5,3", "1.5 is no whole number"),
        ("1,many,3", "many"),
        ("soon,1,3", "soon"),
    ],
)
def test_a_wrong_row_is_told_with_its_line(tmp_path, row, told):
    with pytest.raises(DocumentError) as error:
        read_trace(write(tmp_path, "p.csv", PLAIN + row + "\n"))
    (problem,) = error.value.problems
    assert problem.line == 4
    assert told in problem.message


@pytest.mark.parametrize("row", ["[1, 2]", "5", '"a"'])
def test_a_line_that_is_no_object_is_told(tmp_path, row):
    with pytest.raises(DocumentError, match="line 1: no object with timestamp"):
        read_trace(write(tmp_path, "m.jsonl", row + "\n"))


def test_many_wrong_rows_are_told_together(tmp_path):
    with pytest.raises(DocumentError) as error:
        read_trace(write(tmp_path, "p.csv", PLAIN + "1,0,1\n" * 50))
    assert len(error.value.problems) == 20


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.csv", "a,b\n1,2\n", "has the columns a, b; a trace has arrival, prompt and answer"),
        ("x.csv", "", "has the columns of nothing"),
        ("x.csv", "arrival,prompt,answer\n", "has no request"),
        ("x.csv.gz", "no gzip", "cannot read"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path, name, text, told):
    with pytest.raises(UsageError, match=told):
        read_trace(write(tmp_path, name, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        read_trace(tmp_path / "none.csv")
