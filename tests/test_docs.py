"""What the documents say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from radiofm import __version__
from radiofm.cli.reference import reference
from radiofm.topics import CHANNELS, DAEMONS
from radiofm.wire import HEADERS

ROOT = Path(__file__).parents[1]


def test_the_reference_is_made_from_the_code() -> None:
    made = reference()
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == made, (
        "docs/cli.md is old: python -m radiofm.cli.reference > docs/cli.md"
    )


def test_commands_and_options_in_the_readme_exist() -> None:
    known = reference()
    text = (ROOT / "README.md").read_text("utf-8")
    for command in set(re.findall(r"radiofm ([a-z][a-z-]+)", text)):
        if command in ("turns",):
            continue
        assert f"## radiofm {command}" in known, f"README names `radiofm {command}`"
    for option in set(re.findall(r"(--[a-z][a-z-]+)", text)) - {"--help", "--install-completion"}:
        assert f"`{option}`" in known, f"README names {option}"


def test_files_that_the_documents_name_exist() -> None:
    for page in (
        "README.md",
        "CONTRIBUTING.md",
        "docs/promises.md",
        "docs/wire.md",
        "docs/hardware.md",
    ):
        text = (ROOT / page).read_text("utf-8")
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (ROOT / page).parent.joinpath(link).exists(), f"{page} links {link}"
        for path in re.findall(r"`(tests/[\w/.]+|radiofm/[\w/.]+\.py)`", text):
            assert (ROOT / path).exists(), f"{page} names {path}"


def test_the_changelog_knows_the_version() -> None:
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_tables_of_topics_and_daemons_agree() -> None:
    published = {topic for channel in CHANNELS.values() for topic in channel.topics}
    assert published == set(HEADERS)
    assert {channel.daemon for channel in CHANNELS.values()} == set(DAEMONS)
    for command in DAEMONS.values():
        assert f"## radiofm {command}\n" in reference()


def test_the_example_of_the_wire_page_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "wire.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    radio = subprocess.Popen(
        [sys.executable, "-m", "radiofm", "capture", "--device", "sim", "--scene", "quiet",
         "--rate", "2e6", "--readers", "1", "--duration", "2s"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=True
        )
    finally:
        assert radio.wait(30) == 0
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(n * 32_000) for n in range(20)]
    assert all("dBFS" in line for line in lines)
