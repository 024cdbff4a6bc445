"""The benchmarks are held to their names and shape, never to their numbers: time is no test's business."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

from benchmarks import acoustics, barge, corpus, door, fleet, markers, mirror, mouth, plot, pure, rooms, speech, wake
from benchmarks.ear import Ear
from benchmarks.figure import Figure, Measured, ProbeFailed, Target, percentile, spread
from benchmarks.host import QUICK, cpu_model, machine, often
from benchmarks.stalls import Span, Stalls, undisturbed
from benchmarks.weather import Watch, Weather
from kioskd.lanes import CHUNK_BYTES, Chunk

ROOT = Path(__file__).resolve().parent.parent
ASKED_FOR = {
    "uplink_ms": 3.0,
    "downlink_ms": 13.0,
    "cut_ms": 10.0,
    "mouth_to_ear_ms": 15.0,
    "mouth_to_ear_p99_ms": 30.0,
    "mouth_to_ear_underruns": 0.0,
    "mouth_to_ear_cancel_ms": 25.0,
    "mouth_to_ear_cancel_p99_ms": 40.0,
    "mouth_to_ear_cancel_underruns": 0.0,
    "barge_in_ms": 15.0,
    "barge_in_cancel_ms": 25.0,
    "loop_lag_ms": 5.0,
    "press_ms": 10.0,
    "confirm_to_relay_ms": 15.0,
    "idle_cpu_pct": 1.5,
    "talk_cpu_pct": 5.0,
    "pss_mb": 55.0,
    "ready_s": 0.8,
    "silent_bytes": 0.0,
    "machine_us": 100.0,
    "policy_us": 50.0,
    "decode_us": 10.0,
    "encode_us": 5.0,
    "erle_db": 40.0,
    "erle_clipped_db": 28.0,
    "near_end_db": 0.5,
    "false_barge_in": 0.0,
    "aec_cpu_pct": 6.0,
    "aec_idle_cpu_pct": 3.0,
    "aec_growth_kb": 256.0,
    "wake_loss": 0.0,
    "vad_missed_onsets": 2.0,
    "vad_clipped_syllables": 2.0,
    "vad_false_opens_h": 20.0,
    "vad_us": 10_000.0,
    "fleet_s": 60.0,
    "wake_to_wire_ms": 15.0,
    "resample_db": 80.0,
    "resample_us": 30.0,
    "reload_ms": 50.0,
    "ctl_status_ms": 120.0,
    "package_mb": 120.0,
}


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def fake(name: str, bound: float, result: Any) -> Target:
    def taken() -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    return Target(name, "ms", bound, "a fake", taken)


def test_every_figure_that_was_asked_for_has_its_name_and_bound() -> None:
    assert {target.name: target.bound for target in door.TARGETS} == ASKED_FOR
    assert len(door.TARGETS) == len(ASKED_FOR), "a name is there twice"


def test_a_cheap_figure_is_really_measured_and_has_the_shape() -> None:
    done = run("encode_us", "policy_us", "--json", "--quick")
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == ["encode_us", "policy_us"]
    for row in rows:
        assert set(row) == {"name", "value", "unit", "bound", "ok", "detail"}
        assert row["value"] > 0 and row["unit"] == "us"
        assert row["ok"] is (row["value"] <= row["bound"])
        assert {"count", "median", "p99"} <= set(row["detail"]["us"])
        host = row["detail"]["machine"]
        assert {"cpu", "cores", "python", "kernel", "load", "before", "during", "other_attempts"} == set(host)
        assert 1 < host["during"]["least_ns"] <= host["during"]["sum_ns"] and host["during"]["samples"] >= 1
    assert done.returncode == (0 if all(row["ok"] for row in rows) else 1)


def test_the_table_has_a_line_for_each_figure_and_names_the_machine() -> None:
    done = run("encode_us", "--quick")
    assert "encode_us" in done.stdout and "<= 5 us" in done.stdout
    assert str(machine()["cpu"]) in done.stdout


def test_an_unknown_name_is_a_failure_that_names_what_there_is() -> None:
    done = run("encode_us", "speed_of_light")
    assert done.returncode == 2 and done.stdout == ""
    assert "speed_of_light" in done.stderr and "uplink_ms" in done.stderr


def test_the_list_measures_nothing() -> None:
    done = run("--list", "--json")
    assert done.returncode == 0
    assert {row["name"]: row["bound"] for row in json.loads(done.stdout)} == ASKED_FOR


def test_a_figure_whose_bound_is_the_least_is_ok_from_there_on() -> None:
    below, at = (Figure("a", value, "dB", 40.0, floor=True) for value in (39.999, 40.0))
    assert (below.ok, at.ok) == (False, True)
    assert at.row()["detail"] == {"bound_is": "least"}


def test_a_figure_is_ok_up_to_its_bound() -> None:
    at, over = (Figure("a", value, "ms", 3.0) for value in (3.0, 3.001))
    assert at.ok is True and over.ok is False


def test_a_failed_probe_is_told_and_neither_good_nor_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUICK, "1")
    targets = [
        fake("a", 1.0, ProbeFailed("no sound server")),
        fake("b", 1.0, RuntimeError("a bug")),
        fake("c", 1.0, {"c": Measured(2.0, "slow")}),
    ]
    rows = [figure.row() for figure in door.take(targets, lambda target: None)]
    assert [(row["value"], row["ok"]) for row in rows] == [(None, None), (None, None), (2.0, False)]
    details = [row["detail"] for row in rows]
    assert [detail.get("probe") for detail in details if isinstance(detail, dict)] == [
        "no sound server",
        "RuntimeError: a bug",
        None,
    ]


def test_a_run_that_serves_two_figures_is_done_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUICK, "1")
    runs = []

    def both() -> dict[str, Measured]:
        runs.append(1)
        return {"a": Measured(1.0, "one"), "b": Measured(2.0, "two")}

    figures = door.take([Target(name, "ms", 9.0, "", both) for name in ("a", "b")], lambda target: None)
    assert runs == [1] and [figure.value for figure in figures] == [1.0, 2.0]


class Forecast:
    """Says of each run what it is told to say of it."""

    coming: list[float] = []

    def __enter__(self) -> Forecast:
        return self

    def __exit__(self, *_: object) -> None:
        self.weather = Weather(self.coming.pop(0), 20.0, 9)


@pytest.mark.parametrize(
    ("sum_ns", "values", "counts"),
    [
        ([21.0], [7.0], 7.0),  # calm at once: no second run, even where it might have come out better
        ([40.0, 22.0], [1.0, 7.0], 7.0),  # the calm one counts, not the better one
        ([40.0, 33.0, 39.0, 50.0, 36.0], [1.0, 7.0, 2.0, 3.0, 4.0], 7.0),  # never calm: the calmest of five
    ],
)
def test_of_several_runs_the_one_on_the_calmest_machine_counts_whatever_it_measured(
    monkeypatch: pytest.MonkeyPatch, sum_ns: list[float], values: list[float], counts: float
) -> None:
    monkeypatch.setattr(door, "Watch", Forecast)
    monkeypatch.setattr(door, "calm", lambda: {"sleep_1ms_p99_ms": 1.1, "sleep_1ms_max_ms": 1.2, "sum_ns": 20.0})
    monkeypatch.setattr(Forecast, "coming", list(sum_ns))
    left = list(values)
    (row,) = door.take([Target("a", "ms", 9.0, "", lambda: {"a": Measured(left.pop(0), "one")})], lambda target: None)
    assert row.value == counts and not left and not Forecast.coming
    others = row.detail["machine"]["other_attempts"]
    assert [(other["a"], other["sum_ns"]) for other in others] == [
        pair for pair in zip(values, sum_ns) if pair[0] != counts
    ]
    assert ("the calmest counts" in door.table([row])) is (len(values) > 1)


def test_the_watch_times_its_sums_while_a_run_goes_on() -> None:
    with Watch() as watch:
        time.sleep(0.8)
    assert watch.weather.samples >= 2 and 1 < watch.weather.least_ns <= watch.weather.sum_ns < 100_000
    assert 1.0 <= watch.weather.dearer < 1000


def test_a_share_of_a_core_is_that_of_a_calm_one_and_what_was_charged_stands_beside() -> None:
    run = door.Run({"a": Measured(6.0, "a story")}, {}, Weather(40.0, 20.0, 9, dearer=1.5))
    share = door.figure(Target("a", "%", 5.0, "", dict, share=True), run)
    assert (share.value, share.ok, share.detail["charged"]) == (4.0, True, 6.0)
    assert share.detail["story"] == "a story; charged were 6 %, all work 1.50 times as dear"
    assert door.figure(Target("a", "ms", 5.0, "", dict), run).value == 6.0


def test_each_figure_tells_how_calm_the_machine_was_before_its_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(QUICK, "1")
    (row,) = door.take([fake("a", 3.0, {"a": Measured(1.0, "one")})], lambda target: None)
    before = row.detail["machine"]["before"]
    assert 1.0 <= before["sleep_1ms_p99_ms"] <= before["sleep_1ms_max_ms"] and 1 < before["sum_ns"] < 10_000
    assert f"{before['sleep_1ms_max_ms']:.1f} ms" in door.table([row])


def test_figures_that_share_a_run_do_so_in_earnest() -> None:
    by_run: dict[Any, set[str]] = {}
    for target in door.TARGETS:
        by_run.setdefault(target.run, set()).add(target.name)
    assert {"idle_cpu_pct", "silent_bytes"} in by_run.values()
    assert {"talk_cpu_pct", "pss_mb"} in by_run.values()


def test_a_percentile_is_a_sample_that_was_measured() -> None:
    samples = [float(n) for n in range(1, 101)]
    assert [percentile(samples, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0
    assert spread([1.0, 2.0, 9.0]) == {"count": 3, "least": 1.0, "median": 2.0, "p95": 9.0, "p99": 9.0, "most": 9.0}
    with pytest.raises(ProbeFailed):
        percentile([], 0.5)


def test_the_silent_minute_hears_a_single_byte() -> None:
    with Ear() as ear:
        port = int(ear.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as talker:
            talker.sendall(b"x")
        with socket.create_connection(("127.0.0.1", port)):
            pass  # a probe: a connection, no byte
        until = 500
        while (ear.bytes, ear.connections) != (1, 2) and until:
            until -= 1
            ear._thread.join(0.01)
        assert (ear.bytes, ear.connections) == (1, 2)


def test_the_tone_is_no_silence() -> None:
    pcm = pure.tone(480, 24_000)
    assert len(pcm) == 960 and len(set(pcm)) > 50


def test_a_board_without_a_model_name_tells_its_own(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n")
    assert cpu_model(cpuinfo) == "Raspberry Pi 4 Model B Rev 1.4"
    assert cpu_model(tmp_path / "missing")


@pytest.mark.parametrize("scenario", fleet.SCENARIOS[:3], ids=lambda scenario: scenario.name)
def test_a_fleet_on_the_products_own_backoff_comes_back(scenario: fleet.Scenario) -> None:
    out = fleet.Fleet(fleet.POLICIES["full jitter (kioskd)"], scenario, 300).run()
    assert out.back_s is not None and out.back_s < 150.0
    assert out.sessions[-1] >= 297 and max(out.sessions) <= 300
    assert sum(out.attempts) == out.refused + out.accepted


def test_a_service_with_room_for_a_tenth_serves_a_whole_fleet_in_turns() -> None:
    """300 s is the best that there is: ten groups, half a minute each."""
    out = fleet.Fleet(fleet.POLICIES["full jitter (kioskd)"], fleet.SCENARIOS[3], 500).run()
    assert max(out.sessions) <= 50 and out.sessions[-1] == 0
    assert out.back_s is not None and 250.0 < out.back_s < 360.0
    assert sum(out.attempts) == out.refused + out.accepted and out.accepted == 500


def test_without_jitter_a_fleet_stays_in_step() -> None:
    ours, theirs = (
        fleet.Fleet(fleet.POLICIES[name], fleet.SCENARIOS[1], 600).run()
        for name in ("full jitter (kioskd)", "exponential, no jitter")
    )
    assert ours.peak < theirs.peak
    assert ours.refused < theirs.refused


def test_a_plot_shows_every_line_and_keeps_its_peaks() -> None:
    line = plot.Line("a <b>", [0.0] * 1000 + [9.0] + [0.0] * 1000)
    drawn = plot.page("title", [plot.Panel("one", "y", "x", [line])])
    assert "a &lt;b&gt;" in drawn and "<b>" not in drawn
    assert max(value for _, value in plot.thinned(line.values)) == 9.0
    assert len(plot.thinned(line.values)) <= plot.MOST_POINTS


def test_a_plot_of_bars_says_each_number_and_what_never_came() -> None:
    bars = plot.Bars("back", " s", [("outage", [77.0, None]), ("restart", [7.0, 121.0])])
    drawn = plot.page("title", [plot.Panel("one", "y", "x", [plot.Line("a", [1.0])]), bars])
    for said in (">77 s<", ">never<", ">7 s<", ">121 s<", ">outage<", ">restart<"):
        assert drawn.count(said) == 1
    assert drawn.count("<rect") == 1 + 4 and 'height="194.0"' in drawn, "the highest fills its room"


def test_the_picture_of_the_fleet_shows_all_that_is_compared() -> None:
    found = [
        {"scenario": one.name, "policy": name, "attempts": [1], "peak_calls_a_second": 2, "refused": 3, "back_s": None}
        for one in fleet.SCENARIOS
        for name in fleet.POLICIES
    ]
    drawn = fleet.picture(found, 300)
    for title, _, _ in fleet.FIGURES:
        assert title in drawn
    assert drawn.count("never") == len(found)


def test_an_utterance_of_the_corpus_begins_and_ends_where_its_label_says() -> None:
    for said in corpus.utterances()[:8]:
        assert corpus.rms(said.sound[: said.onset + 1]) < corpus.gain(corpus.SPEECH_DBFS) / 10 < corpus.rms(said.sound)
        assert len(said.sound) == said.end


def test_a_missed_utterance_counts_once_and_a_clipped_one_is_not_missed() -> None:
    scene = corpus.Scene(b"", ((1000, 9000), (20000, 28000), (40000, 48000)), 4.0)
    whole, clipped = (800, 12000), (20001, 30000)
    got = speech.score(scene, speech.Heard([whole, clipped], [2000, 20900]))
    assert (got.count, got.missed, got.clipped) == (3, 1, 1)
    assert got.late_ms == (62.5, 56.25)


def test_what_went_up_in_two_pieces_without_a_hole_was_not_clipped() -> None:
    heard = speech.Heard([(0, 1000), (1000, 9000)])
    assert heard.covers(900, 1700) and not heard.covers(8900, 9001)


@pytest.mark.parametrize(
    ("numbers", "fine"),
    [([0, 1, 2], True), ([0, 1, None, 4, 5], True), ([0, 2], False), ([0, 0, 1], False), ([1, 0], False)],
)
def test_a_hole_or_a_double_in_an_utterance_is_seen(numbers: list[int | None], fine: bool) -> None:
    heard = [bytes([number]) * CHUNK_BYTES for number in range(6)]
    taken = [Chunk(b"" if number is None else heard[number], float(number or 0)) for number in numbers]
    assert wake.whole(taken, heard) is fine
    assert not wake.whole([Chunk(heard[1], 0.0)], heard), "another chunk than was heard"


# -- from mouth to ear ---------------------------------------------------------------------------


def noise(frames: int, loud: int) -> bytes:
    chance = random.Random(1)
    return array("h", (chance.randint(-loud, loud) for _ in range(frames))).tobytes()


def mixed(*sounds: bytes) -> bytes:
    return array("h", (sum(samples) for samples in zip(*(array("h", sound) for sound in sounds)))).tobytes()


@pytest.mark.parametrize("rate_hz", [16_000, 24_000, 48_000])
def test_a_marker_is_found_to_the_sample_in_noise(rate_hz: int) -> None:
    places = [1234, rate_hz, 2 * rate_hz + 7]
    clean = bytearray(2 * 3 * rate_hz)
    for place in places:
        clean[2 * place : 2 * place + len(markers.marker(rate_hz))] = markers.marker(rate_hz)
    assert markers.find(mixed(bytes(clean), noise(3 * rate_hz, 1500)), rate_hz) == places


def test_what_is_no_marker_is_none() -> None:
    assert markers.find(b"", 16_000) == [] and markers.find(bytes(20), 16_000) == []
    assert markers.find(bytes(32_000), 16_000) == []
    assert markers.find(noise(32_000, 8000), 16_000) == []
    assert markers.find(pure.tone(32_000, 16_000), 16_000) == []
    assert markers.find(mouth.spoken("hello there"), 16_000) == []


def test_a_visitor_marks_each_word_and_falls_on_every_part_of_a_chunk() -> None:
    places = markers.find(markers.said(noise(1600, 6000), 16_000, 20, 0.3), 16_000)
    assert len(places) == 20
    assert len({place % 320 // 80 for place in places}) == 4


def test_a_marker_is_met_again_before_the_next_is_spoken_and_in_time() -> None:
    met = markers.pairs([1.0, 2.0, 3.0, 4.0], [1.1, 3.05, 3.2, 4.9], within_s=0.5)
    assert met == [markers.Pair(1.0, 1.1), markers.Pair(3.0, 3.05)]


def test_a_hole_in_a_sound_is_counted_once() -> None:
    sound = bytearray(pure.tone(9600, 48_000))
    assert markers.holes(bytes(sound), 48_000, 0, 9600) == 0
    sound[2000:2400] = bytes(400)  # 4 ms
    sound[8000:8100] = bytes(100)  # 1 ms is no underrun
    assert markers.holes(bytes(sound), 48_000, 0, 9600) == 1
    assert markers.holes(bytes(sound), 48_000, 2000, 9600) == 0, "outside of what was asked for"


def test_the_time_of_the_service_is_in_no_part_of_a_turn() -> None:
    # Spoken 5 ms into its chunk; it arrives 22 ms later; 100 ms of thinking; 12 ms later it sounds.
    pair = markers.Pair(10.0, 10.0 + 0.022 + 0.1 + 0.012)
    turns = mouth.timed([pair], [(9.0, 9.1, 0.0), (10.022, 10.122, 0.005)])
    assert [tuple(round(ms, 3) for ms in turn) for turn in turns] == [(34.0, 7.0, 12.0, 39.0)]
    assert mouth.timed([pair], [(9.0, 9.1, 0.0)]) == []


def test_the_mirror_knows_which_chunk_brought_the_beginning_of_a_marker() -> None:
    reflected: list[tuple[float, float]] = []

    class Blank(mirror.Mirror):
        async def _reflect(self, offset_s: float, arrived_at: float) -> None:
            reflected.append((round(offset_s * 16_000), arrived_at))

    mirror_ = Blank()

    async def hear() -> None:
        pcm = noise(320 * 5 + 250, 20) + markers.marker(16_000) + noise(320 * 20, 20)
        for number in range(len(pcm) // 640):
            chunk = base64.b64encode(pcm[640 * number : 640 * (number + 1)]).decode()
            await mirror_.hear(chunk, float(number))
            await asyncio.sleep(0)

    asyncio.run(hear())
    assert reflected == [(250, 5.0)], "complete with the chunk behind, but it began in this one"


def test_a_duck_and_a_cut_are_told_apart_at_the_speaker() -> None:
    rate_hz = 48_000
    loud, low = (
        pure.tone(rate_hz, rate_hz),
        array("h", (sample // 4 for sample in array("h", pure.tone(rate_hz // 10, rate_hz)))).tobytes(),
    )
    level = barge.levels(loud + low + bytes(rate_hz), rate_hz)
    a_second = round(1 / barge.WINDOW_S)
    assert barge.falls(level, a_second - 10, barge.HALF) == a_second
    assert barge.falls(level, a_second - 10, barge.GONE) == round(a_second * 1.1)
    assert barge.falls(level, round(a_second * 1.5), barge.HALF) is None, "where nothing sounded, nothing can fall"


def test_quick_means_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(QUICK, raising=False)
    assert often(50, 2) == 50
    monkeypatch.setenv(QUICK, "1")
    assert often(50, 2) == 2


def test_a_room_sends_back_an_echo_as_loud_and_as_late_as_it_says() -> None:
    far = acoustics.conversation(4.0, 1)
    heard = acoustics.echo(far, acoustics.STANDARD)
    late = int(acoustics.UPLINK_HZ * acoustics.BUFFERS_MS / 1000)
    assert not heard[:late].any() and heard[late : 4 * late].any()
    spoken = acoustics.active(heard)
    assert abs(acoustics.level_db(heard, spoken) - acoustics.level_db(far, acoustics.active(far))) < 3.0


def test_the_bench_plays_both_threads_period_by_period() -> None:
    far: list[bytes] = []
    threads = acoustics.Threads(acoustics.STANDARD, lambda pcm, rate_hz: far.append(pcm), lambda pcm: pcm)
    sound = bytes(range(200)) * 16
    assert threads.run(sound, sound) == sound
    assert b"".join(far[acoustics.LEAD_IN :]) == sound
    assert threads.pause(lambda: far.clear(), 3) == bytes(960) and far == []


def test_a_kiosk_that_talks_to_itself_for_half_a_minute_is_not_interrupted_but_a_visitor_is_heard() -> None:
    assert rooms.spoken_to(rooms.STANDARD, 0.5).opened == 0
    assert rooms.spoken_to(rooms.STANDARD, 0.5, rooms.VISITOR_DBFS).opened >= 2


def test_a_canceller_that_does_nothing_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms.Echo, "near", lambda self, pcm: pcm)
    value, _ = rooms.erle(rooms.STANDARD)
    assert abs(value) < 12.0


def test_what_happened_while_the_machine_stood_still_is_set_aside_and_counted() -> None:
    samples = [Span(at, at + 0.004) for at in (1.0, 2.0, 3.0)] + [Span(4.0, 4.3)]
    took = undisturbed(samples, Stalls((Span(4.1, 4.4), Span(9.0, 9.1))), less_ms=1.0)
    assert (round(took.p99, 3), round(took.median, 3)) == (3.0, 3.0)
    assert (took.detail["set_aside"], took.detail["stalls"], took.detail["longest_stall_ms"]) == (1, 2, 300.0)
    calm, everything = took.detail["ms"], took.detail["all_ms"]
    assert isinstance(calm, dict) and isinstance(everything, dict)
    assert calm["count"] == 3 and everything["most"] == pytest.approx(299.0)


def test_a_figure_of_a_machine_that_stands_still_half_of_the_time_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [Span(1.0, 1.1), Span(2.0, 2.1), Span(3.0, 3.1)]
    busy = Stalls((Span(1.0, 2.5), Span(3.0, 3.5)))
    monkeypatch.delenv(QUICK, raising=False)
    with pytest.raises(ProbeFailed, match="the machine stood still in 3 of 3 samples"):
        undisturbed(samples, busy)
    monkeypatch.setenv(QUICK, "1")
    assert undisturbed(samples, busy).detail["set_aside"] == 3, "a quick look asks for no figure"


def test_a_core_that_does_not_serve_is_seen() -> None:
    with Stalls() as stalls:
        watcher = stalls.watchers[0].pid
        stopped_at = time.monotonic()
        os.kill(watcher, signal.SIGSTOP)
        time.sleep(0.1)
        goes_on_at = time.monotonic()
        os.kill(watcher, signal.SIGCONT)
    assert any(span.began <= stopped_at and span.ended >= goes_on_at for span in stalls.spans), stalls.spans


def test_each_core_that_may_be_used_is_watched() -> None:
    with Stalls() as stalls:
        watched = [os.sched_getaffinity(watcher.pid) for watcher in stalls.watchers]
    assert watched == [{core} for core in sorted(os.sched_getaffinity(0))]
    assert all(watcher.returncode == 0 for watcher in stalls.watchers)
