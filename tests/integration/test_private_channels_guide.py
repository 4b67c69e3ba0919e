"""Do the lines of the guide on private channels make grants that a daemon takes, in each language?"""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from oyez.access.listen_policy import GrantOutcome, ListenPolicy, make_signers
from oyez.config.load import load
from tests.pages import snippets

PAGE = "docs/how-to/private-channels.md"
KEY, CHANNEL, SUBJECT = "key-ü", "ticket-é", "42"
# What is put before and behind the lines of the page, by the language as the page names it; and what runs them then.
PROGRAMS = {
    "php": ("<?php\n", "\necho grant($argv[1], $argv[2], $argv[3]), PHP_EOL;", ("php", "{}")),
    "js": ("", "\nconsole.log(grant(...process.argv.slice(2)));", ("node", "{}")),
    "go": (
        'package main\n\nimport (\n\t"fmt"\n\t"os"\n)\n\n',
        "\nfunc main() { fmt.Println(grant(os.Args[1], os.Args[2], os.Args[3])) }\n",
        ("go", "run", "{}"),
    ),
    "ruby": ("", "\nputs grant(*ARGV)", ("ruby", "{}")),
}
# The tests install what runs the others (system_packages.py). Go is as large as all of that together: run where it is.
HERE = [language for language, (*_, command) in PROGRAMS.items() if language != "go" or shutil.which(command[0])]
# In a new home, Go compiles its library first: half a minute.
SLOW = {"go": pytest.mark.slow}


@pytest.mark.parametrize("language", [pytest.param(name, marks=SLOW.get(name, ())) for name in HERE])
def test_a_few_lines_make_a_grant(tmp_path: Path, language: str) -> None:
    before, behind, command = PROGRAMS[language]
    (lines,) = snippets(PAGE, language)
    program = tmp_path / f"grant.{language}"
    program.write_text(before + lines + behind, "utf-8")
    done = subprocess.run(
        [*(part.format(program) for part in command), KEY, CHANNEL, SUBJECT],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    name = done.stdout.strip()
    assert name.startswith(f"{CHANNEL}!{SUBJECT}.")
    assert judge(tmp_path, "grant", name) is GrantOutcome.OK


def test_the_page_has_lines_for_each_of_them() -> None:
    assert all(len(snippets(PAGE, language)) == 1 for language in PROGRAMS)


def test_the_rules_of_the_page_are_rules(tmp_path: Path) -> None:
    (rules,) = snippets(PAGE, "toml")
    assert judge(tmp_path, rules, "ticket-7") is GrantOutcome.NONE
    assert judge(tmp_path, rules, "tickets") is GrantOutcome.NONE


def judge(folder: Path, rules: str, name: str) -> GrantOutcome:
    """Judge a name by the rules of the page, or by one that asks for a grant for everything."""
    file = folder / "oyez.toml"
    text = '[[channels]]\nmatch = "*"\nlisten = "grant"\n' if rules == "grant" else rules
    file.write_text(text, "utf-8")
    settings = load(file, {"OYEZ_KEY": KEY}, {})
    return ListenPolicy(settings.channels, make_signers(settings.key, settings.keys)).judge(name, time.time()).outcome
