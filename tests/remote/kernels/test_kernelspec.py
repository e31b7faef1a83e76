"""Machines in JupyterLab's menu of kernels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

import glows_nb as glows
from glows_nb import commands
from glows_nb.connection import used_for_a_while
from glows_nb.remote.kernels.kernelspec import add_kernel, kernels, remove_kernel


@pytest.mark.parametrize("machine", ["train", "Train", "träin 1", "../../x", "ins-abc", "训练", "a" * 200, ".", "a/b"])
def test_any_name_of_a_machine_makes_a_kernel(machine: str, tmp_path: Path) -> None:
    made = add_kernel(machine, profile="", trust=False)
    found = KernelSpecManager().get_kernel_spec(made.name)
    assert found.display_name == f"{machine} (GLOWS)"
    assert Path(found.resource_dir).parent == tmp_path / "jupyter-data" / "kernels"
    assert kernels() == [made]
    remove_kernel(machine)
    assert kernels() == []


def test_machines_whose_names_look_alike_are_two() -> None:
    for machine in ("train", "Train", "tr ain", "tr-ain"):
        add_kernel(machine, profile="", trust=False)
    assert {each.machine for each in kernels()} == {"train", "Train", "tr ain", "tr-ain"}


def test_another_one_of_the_same_machine_replaces_it() -> None:
    add_kernel("train", profile="lab", trust=False)
    made = add_kernel("train", profile="", trust=True)
    assert kernels() == [made]
    with pytest.raises(glows.InvalidRequest, match="'other' has no kernel in JupyterLab's menu; there are train"):
        remove_kernel("other")


def test_profile_is_named_and_a_token_that_no_profile_has_is_refused(
    client: glows.Client, sandbox: glows.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client.instances.launch(
        name="train", gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-03", from_image_id="img-6ypgvgpw"
    )
    with used_for_a_while(sandbox.client()):
        with pytest.raises(commands.CommandError, match="doesn't know the token that is in use here alone"):
            commands.run("kernel add train")
        assert kernels() == []
        monkeypatch.setenv("GLOWS_CONFIG_DIR", str(tmp_path))
        (tmp_path / "profiles.toml").touch(mode=0o600)
        (tmp_path / "profiles.toml").write_text(
            f'[other]\ntoken = "x"\n[rehearsal]\ntoken = "{sandbox.token}"\nbase_url = "{sandbox.base_url}"\n'
        )
        commands.run("kernel add train --trust")
        [made] = kernels()
        assert (made.profile, made.is_trusted) == ("rehearsal", True)
        written = (tmp_path / "jupyter-data" / "kernels" / "glows-train" / "kernel.json").read_text()
        assert sandbox.token not in written
        assert json.loads(written)["interrupt_mode"] == "message"
