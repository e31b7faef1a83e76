"""What a service repeats of what it was sent, or of what it told, is masked however it writes it."""

from __future__ import annotations

import base64
import html
import json
import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import glows_nb as glows
from glows_nb.api.http.masking import LONGEST_LOOKED_AT, MOST_SEEN, SecretMasker
from tests.api.fake_service import sample
from tests.hostile_server import Answer, HostileServer, Request, json_answer

TOKEN = "planted.sdk/token+1"
PASSWORD = 'pass"wörd <&> 1'
VALUE = "postgres://u:s3cret/&=@db"
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in JSON": json.dumps,
    "in JSON with all signs": lambda secret: json.dumps(secret, ensure_ascii=False),
    "as Python writes it": repr,
    "in HTML": html.escape,
    "in a URL": lambda secret: quote(secret, safe=""),
    "in a path": quote,
    "in a form": quote_plus,
    "in a URL in small letters": lambda secret: quote(secret, safe="").lower() if secret.islower() else quote(secret),
    "in hexadecimal": lambda secret: secret.encode().hex(),
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "in base64 among others": lambda secret: base64.b64encode(f"x{secret}yz".encode()).decode(),
    "in base64 among others again": lambda secret: base64.b64encode(f"ab{secret}y".encode()).decode(),
}


def core(secret: str, shown: str) -> list[str]:
    """Which ways of writing a secret, or its inner part, can be found in a text."""
    inner = secret[2:-2]
    data = inner.encode()
    forms = {inner, json.dumps(inner)[1:-1], repr(inner)[1:-1], html.escape(inner), quote(inner, safe=""), data.hex()}
    return [form for form in forms if form in shown]


@pytest.mark.parametrize("place", ["message", "body of an error", "no JSON"])
@pytest.mark.parametrize("echo", ECHOES)
def test_what_was_sent_and_told_is_in_no_error_that_repeats_it(echo: str, place: str) -> None:
    write = ECHOES[echo]
    told = sample("instance_get.response")
    told["instance"]["sshCred"] = {"user": "root", "password": PASSWORD}

    def answer(request: Request) -> Answer:
        if request.method == "GET":
            return json_answer({"code": 6, "msg": ""}) if "meta_key" in request.target else json_answer(told)
        text = f"bad envs NOTE={write('a note')};DB={write(VALUE)} for {write(TOKEN)}, not {write(PASSWORD)}"
        if place == "message":
            return json_answer({"code": 6, "msg": text})
        return Answer(text.encode(), status=500 if place == "body of an error" else 200)

    with HostileServer(answer) as server, glows.Client(TOKEN.replace("/", "_"), server.base_url, backoff=0) as client:
        client.instances.get("ins-boyqp4g8")
        with pytest.raises(glows.GlowsError) as failed:
            client.instances.create(
                from_image_id="img-1",
                gpu_name="X",
                custom_meta_key="k",
                region_name="R",
                envs={"NOTE": "a note", "DB": VALUE},
            )
    shown = "".join(traceback.format_exception(failed.value)) + repr(vars(failed.value))
    for secret in (VALUE, PASSWORD):
        assert core(secret, shown) == []
        assert write(secret).strip("\"'") not in shown
    assert "bad envs" in shown or isinstance(failed.value, glows.AmbiguousResult)


texts = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=8, max_size=40)


@given(
    texts, st.binary(max_size=7), st.binary(max_size=7), st.sampled_from([base64.b64encode, base64.urlsafe_b64encode])
)
def test_base64_is_found_among_any_other_bytes(secret: str, before: bytes, after: bytes, encode: Any) -> None:
    shown = SecretMasker(secret).mask(encode(before + secret.encode() + after).decode())
    assert "***" in shown
    # What is left holds at most the parts of the signs that stand beside it.
    assert len(shown) <= len(encode(before).decode()) + len(encode(after).decode()) + 10


@given(texts.filter(lambda text: text == " ".join(text.split())), st.integers(0, 300), st.integers(0, 9000))
def test_no_part_of_a_secret_is_shown_wherever_a_body_is_cut(secret: str, before: int, blanks: int) -> None:
    held = SecretMasker(secret)
    for body in (f"{'.' * before}{secret}", f"{'.' * before}{' ' * blanks}{secret}", f"{secret} " * 1000):
        shown = held.masked_line(body.encode(), 200)
        assert len(shown) <= 200
        assert secret[:6] not in shown.replace("***", "") or secret[:6] in "." * 6
    edge = "." * (LONGEST_LOOKED_AT - len(secret) // 2) + secret
    assert secret[: len(secret) // 2] not in held.masked_line(edge.encode(), 10**6) or set(secret) == {"."}


def test_short_values_are_masked_behind_their_name_alone() -> None:
    said = SecretMasker("token").mask("EPOCHS=3 is not 3 of 33", "EPOCHS=3")
    assert said == "EPOCHS=*** is not 3 of 33"


def test_the_newest_passwords_are_remembered_and_no_more() -> None:
    held = SecretMasker("token")
    for number in range(MOST_SEEN + 5):
        held.see(f"password-{number:04d}")
    assert held.mask("password-0000 password-0260") == "password-0000 ***"
    assert "password" not in repr(held)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://user:secret@db/x", "postgres://user:***@db/x"),
        ("redis://:secret@db", "redis://:***@db"),
        ('{"password": "abc", "token":"def"}', '{"password": "***", "token":"***"}'),
        ("http://host:80/a@b", "http://host:80/a@b"),
    ],
)
def test_what_looks_like_a_secret_comes_second(text: str, shown: str) -> None:
    assert SecretMasker("x" * 20).mask(text) == shown
