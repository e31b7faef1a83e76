"""What a client's work leaves in the ledger: orders before they leave, machines and snapshots as they are seen."""

from __future__ import annotations

import sqlite3
import stat
import warnings
from contextlib import closing
from pathlib import Path

import pytest

import glows_nb as glows
from glows_nb.api.observing import Event, Sending
from glows_nb.ledger.database import Ledger, LedgerError, ledger_path
from glows_nb.ledger.recorder import Recorder, recorder_of

RTX_4090 = "NVIDIA GeForce RTX 4090"


@pytest.fixture
def recorder(client: glows.Client) -> Recorder:
    return recorder_of(client)


@pytest.fixture
def image(client: glows.Client) -> str:
    return client.images.default().image_id


def launch(client: glows.Client, image: str, name: str = "train", **fields: object) -> glows.Instance:
    given = {"from_image_id": image, "gpu_name": RTX_4090, "region_name": "TW-04", "name": name, "wait": True} | fields
    return client.instances.launch(**given)  # type: ignore[arg-type]


def test_launched_machine_is_in_the_ledger_with_key_price_notebook_and_each_status(
    client: glows.Client, recorder: Recorder, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/private/thesis.ipynb")
    machine = launch(client, image, unit_qty=2)
    (record,) = recorder.ledger.machines(recorder.account)
    assert record.instance_id == machine.instance_id
    assert (record.meta_key, record.remark, record.region) == (machine.meta_key, "train", "TW-04")
    assert (record.gpu, record.gpus, record.image_id) == (RTX_4090, 2, image)
    assert record.order is not None
    assert (record.order.outcome, record.order.notebook) == ("started", "thesis.ipynb")
    assert record.order.millicents == 98_000
    words = [sighting.status for sighting in record.sightings]
    assert words[0] == "SchedQueued"
    assert words[-1] == "Running"
    assert (record.last.millicents, record.last.is_exact) == (98_000, True)
    times = [moment for sighting in record.sightings for moment in (sighting.at_ms, sighting.until_ms)]
    assert times == sorted(times)


def test_price_has_the_third_decimal_that_a_machine_does_not_report(
    client: glows.Client, recorder: Recorder, image: str, sandbox: glows.Sandbox
) -> None:
    sandbox.admin.order("price_change", factor=1.01)  # 0.49 becomes 0.4949, which a machine reports as 49 cents
    spec = next(
        spec for spec in client.specs.all(from_image_id=image) if spec.region_name == "TW-04" and spec.unit.gpus
    )
    assert spec.rate.millicents_per_hour % 1000
    machine = launch(client, image)
    assert machine.price_cent == 49
    (record,) = recorder.ledger.machines(recorder.account)
    assert record.last.millicents == 49_490


def test_machine_of_somebody_else_on_the_account_is_seen_and_not_from_here(
    client: glows.Client, sandbox: glows.Sandbox, image: str, recorder: Recorder
) -> None:
    with sandbox.client(backoff=0) as elsewhere:
        launch(elsewhere, image)
    client.instances.all()
    (record,) = recorder.ledger.machines(recorder.account)
    assert not record.is_from_here
    assert not record.last.is_exact


def test_create_whose_answer_was_lost_is_one_order_that_became_its_machine(
    client: glows.Client, sandbox: glows.Sandbox, image: str, recorder: Recorder
) -> None:
    sandbox.admin.order("reset", "instance_create", when="after", count=1)
    machine = launch(client, image)
    (record,) = recorder.ledger.machines(recorder.account)
    assert record.order is not None
    assert (record.instance_id, record.order.instance_id) == (machine.instance_id, machine.instance_id)
    assert recorder.ledger.lost_orders(recorder.account) == []


def test_refused_order_is_no_machine(client: glows.Client, image: str, recorder: Recorder) -> None:
    with pytest.raises(glows.ParamIllegal):
        client.instances.create(
            from_image_id="img-nothere", gpu_name=RTX_4090, region_name="TW-04", custom_meta_key="no"
        )
    assert recorder.ledger.machines(recorder.account) == []
    assert recorder.ledger.lost_orders(recorder.account) == []


def test_order_is_on_disk_before_the_request_leaves(client: glows.Client, image: str, recorder: Recorder) -> None:
    keys: list[str] = []

    def look(event: Event) -> None:
        if isinstance(event, Sending):
            keys.extend(order.meta_key for order in recorder.ledger.lost_orders(recorder.account))

    client.observers.add(look)
    machine = launch(client, image, wait=False)
    assert keys == [machine.meta_key]


def test_snapshot_keeps_the_name_and_the_image_that_the_service_does_not_tell(client: glows.Client, image: str) -> None:
    recorder_of(client)
    machine = launch(client, image)
    taken = client.snapshots.create(machine.instance_id, "before lr 3e-4")
    table = glows.snapshots(client=client)
    assert table["snapshot_id"].tolist() == list(taken.snapshot_ids)
    assert table["name"].tolist() == ["before lr 3e-4"]
    assert table["image_id"].tolist() == [image]
    assert table["image"].notna().all()


def test_snapshot_whose_answer_was_lost_has_its_name_too(
    client: glows.Client, sandbox: glows.Sandbox, image: str
) -> None:
    recorder_of(client)
    machine = launch(client, image)
    sandbox.admin.order("reset", "snapshot_create", when="after", count=1)
    client.snapshots.create(machine.instance_id, "lost and found")
    assert glows.snapshots(client=client)["name"].tolist() == ["lost and found"]


def test_snapshot_taken_elsewhere_has_no_name_and_still_its_image(
    client: glows.Client, sandbox: glows.Sandbox, image: str
) -> None:
    recorder_of(client)
    machine = launch(client, image)
    with sandbox.client(backoff=0) as elsewhere:
        elsewhere.snapshots.create(machine.instance_id, "theirs")
    table = glows.snapshots(client=client)
    assert table["name"].isna().all()
    assert table["image_id"].tolist() == [image]


async def _watch(sandbox: glows.Sandbox, image: str) -> None:
    async with glows.AsyncClient(sandbox.token, sandbox.base_url, backoff=0) as client:
        recorder_of(client)
        await client.instances.create(
            from_image_id=image, gpu_name=RTX_4090, region_name="TW-04", custom_meta_key="awaited"
        )


def test_async_client_is_recorded_the_same_way(
    client: glows.Client, sandbox: glows.Sandbox, image: str, recorder: Recorder
) -> None:
    import asyncio

    asyncio.run(_watch(sandbox, image))
    (record,) = recorder.ledger.machines(recorder.account)
    assert (record.meta_key, record.is_from_here) == ("awaited", True)


def test_answer_that_was_overtaken_by_a_newer_one_changes_nothing(client: glows.Client, image: str) -> None:
    recorder = recorder_of(client)
    running = launch(client, image)
    client.instances.cancel(running.instance_id)
    client.instances.get(running.instance_id)
    recorder._see([running], None)
    (record,) = recorder.ledger.machines(recorder.account)
    assert record.last.status in ("Canceling", "Finished")


def test_ledger_is_private_and_holds_no_secret(client: glows.Client, sandbox: glows.Sandbox, image: str) -> None:
    recorder = recorder_of(client)
    machine = launch(client, image, envs={"KEY": "planted-env"}, cmd="sleep 7777")
    assert machine.ssh_password is not None
    path = recorder.ledger.path
    assert path == ledger_path()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = path.read_bytes()
    assert machine.instance_id.encode() in content
    url = machine.url(8888) or machine.url(22)
    assert url
    for secret in (
        sandbox.token,
        machine.ssh_password.get_secret_value(),
        "planted-env",
        "sleep 7777",
        url.get_secret_value(),
    ):
        assert secret.encode() not in content


@pytest.fixture
def broken(client: glows.Client, recorder: Recorder) -> Path:
    path = recorder.ledger.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is no database, and it is long enough to be read as one" * 20)
    return path


def test_broken_ledger_breaks_no_call_and_says_so_once(client: glows.Client, image: str, broken: Path) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        machine = launch(client, image)
        client.instances.all()
    assert machine.status == "Running"
    (warning,) = [str(warning.message) for warning in said]
    assert str(broken) in warning
    assert "Calls go on" in warning


def test_ledger_that_another_program_keeps_locked_holds_up_one_call_and_no_more(
    client: glows.Client, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.images.default()
    monkeypatch.setattr("glows_nb.ledger.database.BUSY_SECONDS", 0.2)
    recorder.ledger.machines(recorder.account)
    tries = []
    monkeypatch.setattr(recorder, "_note", lambda event: tries.append(event) or Recorder._note(recorder, event))
    with closing(sqlite3.connect(recorder.ledger.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            with pytest.raises(glows.ParamIllegal):
                client.instances.create(
                    from_image_id="img-no", gpu_name=RTX_4090, region_name="TW-04", custom_meta_key="locked"
                )
            client.instances.all()
    assert len(tries) == 1
    assert ["locked" in str(warning.message) for warning in said] == [True]


def test_warning_that_is_made_an_error_takes_no_machine_away(client: glows.Client, image: str, broken: Path) -> None:
    assert launch(client, image, wait=False).instance_id


def test_broken_ledger_is_an_error_where_it_is_asked(client: glows.Client, broken: Path) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.sqlite3"):
        glows.spending(client=client)


def test_ledger_of_tomorrow_is_left_alone(tmp_path: Path, recorder: Recorder) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite3")
    with ledger.transaction() as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="version 99"):
        ledger.machines(recorder.account)


def test_machines_that_the_ledger_knows_to_have_ended_are_not_written_again(
    client: glows.Client, recorder: Recorder, image: str
) -> None:
    for name in ("first", "second", "third"):
        launch(client, image, name)
        client.instances.cancel(meta_key=next(iter(client.instances.all(["Running"]))).meta_key)
    for machine in client.instances.all():
        client.instances.wait(machine.instance_id, until="Finished")
    with recorder.ledger.transaction() as db:
        db.execute("UPDATE machines SET order_id = NULL")  # as where they were started from somewhere else
        db.execute("DELETE FROM sightings WHERE status = 'Finished' AND id = (SELECT max(id) FROM sightings)")
    written: list[str] = []

    class Noting(Recorder):
        def _write_machine(self, db: sqlite3.Connection, account: int, machine: glows.Instance) -> None:
            written.append(machine.instance_id)
            super()._write_machine(db, account, machine)

    before = [record.last.status for record in recorder.ledger.machines(recorder.account)]
    of_a_new_kernel = Noting(recorder.ledger, recorder.account)
    client.observers.add(of_a_new_kernel)
    machines = client.instances.list().items
    assert before.count("Finished") == 2
    assert written == [machine.instance_id for machine in machines if machine.remark == "third"]
    assert [record.last.status for record in recorder.ledger.machines(recorder.account)] == ["Finished"] * 3


def test_a_key_s_generations_are_told_with_whether_they_ended(
    client: glows.Client, recorder: Recorder, image: str
) -> None:
    first = launch(client, image)
    other = launch(client, image, name="train.2")
    client.instances.cancel(first.instance_id)
    client.instances.wait(first.instance_id, until="Finished")
    second = launch(client, image)
    noted = {note.meta_key: (note.instance_id, note.has_ended) for note in recorder.noted(first.meta_key)}
    assert noted == {
        first.meta_key: (first.instance_id, True),
        f"{first.meta_key}.2": (second.instance_id, False),
    }
    assert other.meta_key not in noted
    assert client.observers.recall(first.meta_key) == recorder.noted(first.meta_key)


def test_a_ledger_that_can_not_be_asked_is_said_and_the_service_is_asked_alone(
    client: glows.Client, recorder: Recorder, image: str
) -> None:
    recorder.ledger.path.parent.mkdir(parents=True, exist_ok=True)
    recorder.ledger.path.write_bytes(b"no database at all, but a long enough text to be taken for one" * 20)
    with pytest.warns(UserWarning, match="ledger"):
        assert client.observers.recall("train") == []
