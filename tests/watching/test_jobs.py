"""`glows.jobs()`: all machines of the account, those that have ended and those that can't be asked too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import glows_nb as glows
from glows_nb.frames.columns import JOB_COLUMNS
from tests.sandbox.machines.real import IS_REAL_HERE, STATE, RealSandbox, launch

pytestmark = IS_REAL_HERE


@pytest.fixture
def client(tmp_path: Path) -> Iterator[glows.Client]:
    with RealSandbox(tmp_path / STATE) as sandbox, sandbox.client() as client:
        yield client


def test_empty_table_has_the_same_columns_and_puts_nothing_on_a_machine(client: glows.Client) -> None:
    assert dict(glows.jobs(client=client).dtypes.astype(str)) == JOB_COLUMNS
    launch(client, "train")
    table = glows.jobs(client=client)
    assert (len(table), dict(table.dtypes.astype(str))) == (0, JOB_COLUMNS)
    with glows.machine("train", client=client) as machine:
        assert machine.exec("ls -A ~/.glows-nb || true", quiet=True).stdout == ""


def test_jobs_of_machines_that_run_have_ended_or_can_not_be_asked(client: glows.Client) -> None:
    for name in ("train", "eval", "mute"):
        launch(client, name)
    for name in ("train", "eval", "mute"):
        with glows.machine(name, client=client) as machine:
            machine.job("exit 3", name="short").wait(30)
            machine.job("sleep 1000", name="long")
            machine.job("sleep 1000", name="waits", after="long")
    with glows.machine("mute", client=client) as machine:
        machine.exec("chmod 000 ~/.glows-nb/jobs/named; rm ~/.glows-nb/jobs-*; chmod 500 ~/.glows-nb", quiet=True)
        machine.exec("printf '#!/bin/sh\\nexit 9\\n' >~/bad; chmod 700 ~/bad; chmod 700 ~/.glows-nb", quiet=True)
        machine.exec("echo ~/bad >~/.glows-nb/python3", quiet=True)
    client.instances.cancel(client.instances.find("eval").instance_id)
    table = glows.jobs(client=client)
    seen = {(row.machine, row.name): row.status for row in table.itertuples()}
    assert seen == {
        ("train", "short"): "failed",
        ("train", "long"): "running",
        ("train", "waits"): "queued",
        ("eval", "short"): "failed",
        ("eval", "long"): "lost with the machine",
        ("eval", "waits"): "lost with the machine",
        ("mute", "short"): "failed",
        ("mute", "long"): "queued",
        ("mute", "waits"): "queued",
    }
    assert "9 jobs, 4 not over; costs are estimates; not asked, so as last seen: " in repr(table)
    indexed = table.set_index(["machine", "name"])
    assert indexed.loc[("train", "short"), "exit_status"] == 3
    assert 0 < indexed.loc[("train", "long"), "cost_so_far"] < 0.1
    assert indexed.loc[("train", "long"), "took"] > pd.Timedelta(0)
    for name in ("long", "waits"):
        assert pd.isna(indexed.loc[("eval", name), "took"])
        assert pd.isna(indexed.loc[("eval", name), "cost_so_far"])


def test_service_that_refuses_is_an_error_and_no_empty_table(client: glows.Client) -> None:
    with glows.Client("planted-token", client.base_url) as stranger, pytest.raises(glows.AuthError):
        glows.jobs(client=stranger)
