"""Errors, questions and the typed token in real JupyterLab: Run All stops, and the saved notebook has no secret."""

from __future__ import annotations

import json

from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Lab
from tests.e2e.jupyterlab import command, in_kernel, open_notebook, screenshot, write_notebook

CONNECT = "import glows_nb as glows\n%load_ext glows_nb\n%glows sandbox"
LAUNCH = "%glows launch --gpu 4090 --name asked"
TOKEN_AWAY = """
import json, pathlib
client = glows.current_client()
pathlib.Path("token.json").write_text(json.dumps(client.connection.token.get_secret_value()))
"""


def cells(page: Page) -> Locator:
    return page.locator(".jp-Notebook .jp-CodeCell")


def test_run_all_stops_at_an_error_without_the_extension_and_shows_one_sentence(lab: Lab, page: Page) -> None:
    write_notebook(lab, "errors.ipynb", "import glows_nb as glows", "glows.specs(max_price=-1)", "print('went on')")
    open_notebook(page, lab, "errors.ipynb")
    command(page, "notebook:run-all-cells")
    error = cells(page).nth(1).locator(".jp-OutputArea-output")
    expect(error).to_have_text(
        "InvalidRequest: max_price: -1 is not a number of at least 0. (%tb shows where it came from)"
    )
    expect(cells(page).nth(2).locator(".jp-OutputArea-output")).to_have_count(0)
    screenshot(page, "error")


def test_question_is_answered_in_the_page_and_a_no_stops_run_all(lab: Lab, page: Page) -> None:
    write_notebook(lab, "question.ipynb", CONNECT, LAUNCH, "print('went on')")
    open_notebook(page, lab, "question.ipynb")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    answer = cells(page).nth(1).locator(".jp-Stdin-input")
    expect(answer).to_be_visible()
    screenshot(page, "question")
    answer.fill("n")
    answer.press("Enter")
    expect(cells(page).nth(1)).to_contain_text("CommandError: Nothing was done.")
    expect(cells(page).nth(2).locator(".jp-OutputArea-output")).to_have_count(0)


def test_token_is_typed_unseen_and_is_not_in_the_saved_notebook(lab: Lab, page: Page) -> None:
    write_notebook(lab, "login.ipynb", CONNECT, "%glows login --profile typed --base-url $client.base_url")
    open_notebook(page, lab, "login.ipynb")
    command(page, "notebook:run-cell-and-select-next")
    in_kernel(page, TOKEN_AWAY)
    token = json.loads((lab.folder / "token.json").read_text())
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell'); }")
    answer = cells(page).nth(1).locator(".jp-Stdin-input")
    expect(answer).to_have_attribute("type", "password")
    answer.fill(token)
    answer.press("Enter")
    expect(cells(page).nth(1)).to_contain_text("Logged in at")
    command(page, "docmanager:save")
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    saved = (lab.folder / "login.ipynb").read_text()
    assert "Logged in at" in saved
    assert token not in saved
    assert token not in page.content()
    in_kernel(page, "get_ipython().run_line_magic('glows', 'logout --profile typed')")


HOSTILE = """
import json
names = ["<img src=x onerror=pwned=1>", "'><script>pwned=1</script>", "safe\\u202egnp.exe", "a\\x1b[2Jb", "{{pwned=1}}"]
client = glows.current_client()
image = client.images.default().image_id
for name in names:
    client.instances.create(
        custom_meta_key=name, remark=name, gpu_name="NVIDIA GeForce RTX 4090", region_name="TW-03", from_image_id=image
    )
"""


def test_names_with_markup_or_turned_writing_are_shown_and_do_nothing(lab: Lab, page: Page) -> None:
    shows = ["%glows list", "glows.panel()", "glows.show(glows.instances())", "%glows show $client.instances.all()[0]"]
    write_notebook(lab, "hostile.ipynb", CONNECT, HOSTILE, *shows, "%glows cancel --all --yes --wait")
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss())[0])
    open_notebook(page, lab, "hostile.ipynb")
    command(page, "notebook:run-all-cells")
    expect(cells(page).nth(3).locator("tr[data-id]").first).to_be_visible()
    expect(cells(page).nth(4).locator("tr[data-id]").first).to_be_visible()
    shown = cells(page).locator(".jp-OutputArea-output").all_inner_texts()
    assert any("<img src=x onerror=pwned=1>"[:20] in text for text in shown)
    assert any("\\u202e" in text for text in shown)
    assert not [text for text in shown if "\u202e" in text or "\x1b" in text]
    assert page.evaluate("() => window.pwned") is None
    assert dialogs == []
    assert cells(page).locator(".jp-OutputArea-output img[src='x'], .jp-OutputArea-output script").count() == 0
    screenshot(page, "hostile-names")
