"""Do the benchmarks' tables fit together, and do their reports say what was measured?"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.bars import BARS, judge
from bench.diff import changes, render_changes
from bench.mix import LIST, write_mix
from bench.plots import PLOTS, draw
from bench.report import BEGIN, END, missed_bars, render, replace_figures
from bench.scenarios import FIGURES, SCENARIOS, shortened
from bench.servers import ROOT, SERVERS

PEERS = sorted({server.peer for server in SERVERS.values() if server.peer})


def a_run(**storm_s: float) -> dict[str, Any]:
    """Return a run of the scenario `storm` with these figures; a server's name has `_` for a space."""
    results = {name.replace("_", " "): {"storm_s": value, "generator_busy": 0.5} for name, value in storm_s.items()}
    return {
        "when": "2026-11-27",
        "commit": "abc",
        "machine": "a machine",
        "python": "3.11",
        "rounds": 3,
        "lighter": 1,
        "short": False,
        "quiet": "the machine was quiet at the start",
        "others": {},
        "left_out": {},
        "scenarios": {"storm": {"results": results, "failed": {}}},
    }


def test_scenarios_name_servers_and_figures_that_there_are() -> None:
    for scenario in SCENARIOS:
        assert set(scenario.servers) <= SERVERS.keys()
        assert {*scenario.figures, scenario.about} <= FIGURES.keys()
        assert len(shortened(scenario).options) == len(scenario.options)


def test_every_bar_can_be_measured_where_all_servers_are() -> None:
    for scenario in SCENARIOS:
        results = {server: dict.fromkeys(scenario.figures, 2.0) for server in scenario.servers}
        assert [verdict.bar.text for verdict in judge(scenario.name, results) if verdict.measured is None] == []
    assert {bar.scenario for bar in BARS} == {scenario.name for scenario in SCENARIOS}


def test_every_plot_shows_what_its_scenario_measures() -> None:
    measured = {scenario.name: scenario.figures for scenario in SCENARIOS}
    assert [plot.name for plot in PLOTS if plot.figure not in measured[plot.scenario]] == []


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_has_scripts_that_set_it_up_and_start_it(peer: str) -> None:
    assert all(os.access(ROOT / "peers" / peer / script, os.X_OK) for script in ("install", "start"))


def test_a_bar_is_met_or_missed_or_not_measured() -> None:
    assert [verdict.word for verdict in judge("storm", a_run(Oyez=1, Nchan=1)["scenarios"]["storm"]["results"])] == [
        "met"
    ]
    assert [verdict.word for verdict in judge("storm", a_run(Oyez=2, Nchan=1)["scenarios"]["storm"]["results"])] == [
        "MISSED"
    ]
    assert [verdict.word for verdict in judge("storm", a_run(Oyez=2)["scenarios"]["storm"]["results"])] == [
        "not measured"
    ]


def test_missed_bars_are_counted_and_those_not_measured_are_not() -> None:
    assert missed_bars(a_run(Oyez=2, Nchan=1)) == 1
    assert missed_bars(a_run(Oyez=2)) == 0


def test_a_report_says_what_was_left_out_what_failed_and_where_the_generator_was_the_limit() -> None:
    run = a_run(Oyez=1, Nchan=2, NATS=3)
    run["left_out"] = {"Centrifugo": "needs Go", "Centrifugo, HTTP": "needs Go"}
    run["others"] = {"all": 0.25, "rustc": 0.2}
    run["scenarios"]["storm"]["failed"] = {"socketioxide": "it did not start"}
    run["scenarios"]["storm"]["results"]["NATS"]["generator_busy"] = 0.96
    text = render(run)
    assert "Left out: Centrifugo and Centrifugo, HTTP (needs Go)." in text
    assert "Failed: socketioxide (it did not start)." in text
    assert "The load generator was the limit with: NATS." in text
    assert "Other work meanwhile: 0.25 cores on average, rustc 0.20." in text
    assert "| time until all are back, Oyez / Nchan | 0.5 | at most 1 | met |" in text
    assert text.index("| **Oyez** | 1.00 |") < text.index("| Nchan | 2.00 |") < text.index("| NATS | 3.00 |")


def test_the_overview_has_one_row_for_all_ways_to_use_a_server() -> None:
    run = a_run(Oyez=0.5)
    both = {"Oyez, HTTP": {"posts_per_s": 8000.0}, "Centrifugo, HTTP": {"posts_per_s": 17000.0}}
    filling = {"us_cpu_per_post": 1.0, "p99_ms": 1.0, "generator_busy": 0.5}
    run["scenarios"]["http"] = {
        "results": {name: {**figures, **filling} for name, figures in both.items()},
        "failed": {},
    }
    overview = render(run).partition("###")[0]
    assert "| server | by HTTP: events a second | 3,000 back after, s |" in overview
    assert "| **Oyez** | 8,000 | 0.50 |" in overview
    assert "| Centrifugo | 17,000 |  |" in overview


def test_figures_take_the_place_of_those_before() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replace_figures(page, "new") == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    with pytest.raises(SystemExit, match="has no lines"):
        replace_figures("a page without marks", "new")


@pytest.mark.parametrize(
    ("public", "posts_a_second", "deliveries_a_second"), [(False, 250, 15_276), (True, 470, 70_276)]
)
def test_the_judge_mix_has_the_load_of_a_national_contest(
    tmp_path: Path, public: bool, posts_a_second: int, deliveries_a_second: int
) -> None:
    mix = write_mix(tmp_path, 100.0, public=public)
    followers = Counter(map(int, mix.follow.read_text("utf-8").split()))
    posted = [int(line.split()[1]) for line in mix.plan.read_text("utf-8").splitlines()]
    assert mix.listeners == followers.total() == pytest.approx(3000, rel=0.01)
    assert len(posted) / 100 == pytest.approx(posts_a_second, rel=0.01)
    assert sum(followers[channel] for channel in posted) / 100 == pytest.approx(deliveries_a_second, rel=0.01)
    assert (LIST in posted) == public


def test_only_ratios_that_moved_are_shown_and_the_worst_first() -> None:
    then, now = a_run(floor=1, Oyez=2), a_run(floor=10, Oyez=21)  # another machine, a twentieth slower beside the floor
    assert render_changes(list(changes(then, now))) == "0 of 1 figures moved by more than 10%."
    slower = render_changes(list(changes(then, a_run(floor=10, Oyez=40))))
    assert "| storm | Oyez | all back after, s | floor | 2 | 4 | 0.50 × as good: WORSE |" in slower
    assert "2.00 × as good: better" in render_changes(list(changes(then, a_run(floor=10, Oyez=10))))


def test_runs_without_a_common_peer_are_not_compared() -> None:
    assert list(changes(a_run(floor=1, Oyez=2), a_run(NATS=1, Oyez=2))) == []


def test_a_plot_has_a_bar_for_each_server_and_the_best_is_first() -> None:
    drawn = draw(PLOTS[0], {"Node <ws>": {PLOTS[0].figure: 10.0}, "Oyez": {PLOTS[0].figure: 1000.0}})
    assert drawn.count("<rect") == 2
    assert drawn.index(">Oyez<") < drawn.index(">Node &lt;ws&gt;<")
    assert draw(PLOTS[0], {}) == ""
