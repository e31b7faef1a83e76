"""Who is calling: everything that isn't a good token is code 176 on HTTP 200."""

import time

import jwt
import pytest

from glows_nb.sandbox import tokens
from glows_nb.sandbox.codes import Refusal
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.tokens import User

REJECTED = {"code": 176, "msg": "check jwt token failed"}
FOREIGN_SECRET = "of another server, " * 3


def test_token_says_who_and_until_when(server):
    claims = jwt.decode(server.token, options={"verify_signature": False})
    assert set(claims) == {"iss", "sub", "uid", "sandbox", "orig_iat", "exp"}
    assert (claims["iss"], claims["sub"], claims["uid"]) == ("glows-sandbox", "researcher", 10001)
    assert claims["orig_iat"] <= time.time() < claims["exp"]


def test_users_of_two_sandboxes_are_two_accounts_and_those_of_one_file_one(tmp_path):
    def account(path):
        with SandboxServer(path=path) as server:
            return jwt.decode(server.token, options={"verify_signature": False})["sandbox"]

    assert account(None) != account(None)
    assert account(tmp_path / "one.db") == account(tmp_path / "one.db")


def test_user_keeps_the_number_and_others_get_others(quiet_server):
    def uid(token):
        return jwt.decode(token, options={"verify_signature": False})["uid"]

    assert uid(quiet_server.issue_token("researcher")) == uid(quiet_server.token)
    assert uid(quiet_server.issue_token("other")) != uid(quiet_server.token)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Bearer a.b.c",
        "Bearer e30.e30.e30",
        "Bearer \xe9\xe8",
        "Basic dXNlcjpwYXNz",
        "Bearer " + tokens.issue(User(10001, "researcher"), FOREIGN_SECRET),
        "Bearer " + jwt.encode({"sub": "researcher", "uid": 10001}, None, algorithm="none"),
    ],
)
def test_bad_or_missing_token_is_code_176(reader, authorization):
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    assert reader.call("GET", "/instance/stats", headers=headers) == REJECTED


def test_expired_token_is_code_176(quiet_server, reader):
    reader.token = quiet_server.issue_token("researcher", lifetime=-1)
    assert reader.get("/instance/stats") == REJECTED


def test_token_without_the_word_bearer_is_code_176_in_the_header(reader):
    assert reader.call("GET", "/instance/stats", headers={"Authorization": reader.token}) == REJECTED


@pytest.mark.parametrize("missing", ["iss", "sub", "uid", "exp"])
def test_token_without_a_claim_is_code_176(missing):
    claims = {"iss": tokens.ISSUER, "sub": "researcher", "uid": 10001, "exp": int(time.time()) + 60}
    complete = "Bearer " + jwt.encode(claims, FOREIGN_SECRET, algorithm="HS256")
    assert tokens.verify(complete, FOREIGN_SECRET) == User(10001, "researcher")
    del claims[missing]
    with pytest.raises(Refusal, match=r"^176 "):
        tokens.verify("Bearer " + jwt.encode(claims, FOREIGN_SECRET, algorithm="HS256"), FOREIGN_SECRET)


def test_token_is_checked_before_anything_else_is(reader):
    assert reader.call("POST", "/instance", body=b"{", headers={}) == REJECTED
    assert reader.call("GET", "/instance/list", {"per_page": 50}, headers={}) == REJECTED


@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_token_may_come_in_the_query(reader, prefix):
    params = {"Authorization": prefix + reader.token}
    assert reader.call("GET", "/instance/stats", params, headers={})["code"] == 0
    # It is copied over the header, so a bad header doesn't matter and a bad parameter does.
    assert reader.call("GET", "/instance/stats", params, headers={"Authorization": "Bearer x"})["code"] == 0
    assert reader.get("/instance/stats", Authorization="Bearer x") == REJECTED
