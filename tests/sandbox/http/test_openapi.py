"""The OpenAPI document: against the contract's samples, and the sandbox against it."""

import json
import urllib.request
from pathlib import Path

import jsonschema
import pytest

from glows_nb.sandbox.resources.routes import OPERATIONS

SAMPLES = Path(__file__).parents[2] / "contract_examples"


@pytest.fixture(scope="session")
def document(quiet_server):
    # No token is needed to read it.
    with urllib.request.urlopen(f"{quiet_server.base_url}/openapi.json", timeout=5) as response:
        return json.load(response)


def described(document):
    return {
        operation["operationId"]: (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_document_is_openapi_of_all_operations_at_their_likeliest_paths(document):
    assert document["openapi"] == "3.1.0"
    assert {name: route for name, (route, _) in described(document).items()} == {
        operation.name: operation.routes[0] for operation in OPERATIONS
    }


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_document_fits_every_sample_and_notices_when_a_field_is_missing(document, path):
    name, kind = path.stem.split(".")
    operation = described(document)[name][1]
    content = operation["requestBody"] if kind == "request" else operation["responses"]["200"]
    schema = content["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator(schema | {"components": document["components"]})
    sample = json.loads(path.read_text())
    validator.validate(sample)
    for field in sample:
        # instance_create requires but a few of its fields.
        if kind == "response" or field in ("custom_meta_key", "image_link", "image_id", "network_id", "instance_id"):
            assert not validator.is_valid({k: v for k, v in sample.items() if k != field})
    assert validator.is_valid({"code": 6, "msg": "param illegal"}) == (kind == "response")


def test_error_has_no_more_than_code_and_msg(document):
    validator = jsonschema.Draft202012Validator(document["components"]["schemas"]["Error"])
    assert validator.is_valid({"code": 176, "msg": "check jwt token failed"})
    assert not validator.is_valid({"code": 0, "msg": ""})
    assert not validator.is_valid({"code": 5, "msg": ""})
    assert not validator.is_valid({"code": 6, "msg": "", "instance": None})
