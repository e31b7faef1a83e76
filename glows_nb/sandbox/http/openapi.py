"""The contract as an OpenAPI 3.1 document: its 15 operations at their likeliest paths, with all their parameters.

Written from the contract's text, not from the code beside it: a test holds the two against each other.
"""

from typing import Any

from glows_nb.sandbox.http.openapi_schemas import (
    BOOLEAN,
    INT32,
    NODE_STATUSES,
    SCHEMAS,
    Schema,
    array,
    order,
    ref,
    success,
    text,
)

_REQUEST_ID = "Instance resource ID returned by create, list and query; a bare hash is the legacy form."
_META_KEY = "User-supplied globally unique key."


def document(server_url: str) -> dict[str, Any]:
    """Make the document for a server at this address."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GLOWS SDK HTTP API (sandbox)",
            "version": "1",
            "description": (
                "Application errors are JSON bodies with code and msg on HTTP status 200; rate limiting can return "
                "HTTP 429 with a plain text body."
            ),
        },
        "servers": [{"url": server_url}],
        "security": [{"header": []}, {"query": []}],
        "paths": _paths(),
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "header": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "query": {"type": "apiKey", "in": "query", "name": "Authorization"},
            },
        },
    }


def _paths() -> dict[str, Any]:
    whole_page = [
        _query("page", {"type": "integer", "minimum": 1, "maximum": 2**32 - 1}, is_required=True),
        _query("per_page", {"type": "integer", "minimum": 1, "maximum": 20}, is_required=True),
    ]
    page = [
        _query("page", {"type": "integer", "minimum": 0, "maximum": 2**32 - 1, "default": 1}),
        _query("per_page", {"type": "integer", "minimum": 0, "maximum": 20, "default": 20}),
    ]
    which = [_query("request_id", text(64), _REQUEST_ID), _query("meta_key", text(64), _META_KEY)]
    return {
        "/instance": {
            "get": _operation("instance_get", which, instance=ref("VisibleInstance")),
            "post": _operation("instance_create", body=ref("CreateInstance"), instance=ref("VisibleInstance")),
            "delete": _operation("instance_cancel", which),
        },
        "/instance/stats": {
            "get": _operation(
                "instance_stats",
                stats={
                    "type": "object",
                    "propertyNames": {"enum": NODE_STATUSES},
                    "additionalProperties": {"type": "integer", "minimum": 1},
                },
            ),
        },
        "/instance/list": {
            "get": _operation(
                "instance_list",
                [
                    *whole_page,
                    _query("ascending", BOOLEAN | {"default": False}),
                    _query("statuses", array({"type": "string"}), "Repeatable; unknown names are ignored."),
                ],
                pagination=ref("Pagination"),
                instances=array(ref("VisibleInstance"), maxItems=20),
            ),
        },
        "/image": {
            "post": _operation(
                "image_submit",
                body=order(("image_link",), image_link=text(512, 1) | {"pattern": r"^\S+$"}),
                image_id={"type": "string"},
                name={"type": "string"},
            ),
            "delete": _operation("image_delete", body=order(("image_id",), image_id=text(64, 1))),
        },
        "/image/list": {
            "get": _operation(
                "image_list",
                [*page, _query("owned", BOOLEAN | {"default": False}), _query("keywords", text(100))],
                pagination=ref("Pagination"),
                images=array(ref("SDKImageInfo"), maxItems=20),
            ),
        },
        "/spec/list": {
            "get": _operation(
                "spec_list",
                [
                    _query("machine_category", {"type": "integer", "enum": [0, 1, 2, 3]}, is_required=True),
                    _query("from_image_id", text(64, 1), is_required=True),
                    *page,
                    _query("region_name", text(128)),
                    _query("by_region", BOOLEAN | {"default": False}, "Pages are of regions then."),
                    _query("instance_category", {"type": "integer", "enum": [0, 1]}),
                ],
                pagination=ref("Pagination"),
                specs=array(ref("SpecInfo"), maxItems=20),
                regions=array(ref("RegionSpecs"), maxItems=20),
            ),
        },
        "/network": {
            "post": _operation(
                "network_create",
                body=order(
                    ("name", "region_name"),
                    name=text(32, 1),
                    region_name=text(128, 1),
                    network_type={"type": "integer", "enum": list(range(8))},
                ),
                network_id={"type": "string"},
            ),
        },
        "/network/list": {
            "get": _operation(
                "network_list",
                [
                    *page,
                    _query("network_type", {"type": "integer", "enum": list(range(8))}),
                    _query("domain", INT32 | {"default": 0}),
                ],
                pagination=ref("Pagination"),
                networks=array(ref("VisibleNetwork"), maxItems=20),
            ),
        },
        "/network/endpoint": {
            "post": _operation(
                "network_attach",
                body=order(
                    ("network_id", "instance_ids"),
                    network_id=text(64, 1),
                    instance_ids=array(text(64, 1), minItems=1, maxItems=10),
                ),
                network_id={"type": "string"},
                endpoint_ids=array({"type": "string"}),
            ),
        },
        "/network/endpoint/list": {
            "get": _operation(
                "network_endpoints",
                [_query("network_id", text(64, 1), is_required=True), *page],
                pagination=ref("Pagination"),
                endpoints=array(ref("SDKNetworkEndpoint"), maxItems=20),
            ),
        },
        "/snapshot": {
            "post": _operation(
                "snapshot_create",
                body=order(("instance_id",), instance_id=text(64, 1), name=text(32)),
                snapshot_ids=array({"type": "string"}, minItems=1),
                instance_id={"type": "string"},
                status={"const": "Pausing"},
            ),
        },
        "/snapshot/list": {
            "get": _operation(
                "snapshot_list",
                [*page, _query("status", array({"type": "integer", "enum": list(range(8))}), "Repeatable.")],
                pagination=ref("Pagination"),
                snapshots=array(ref("SDKSnapshotInfo"), maxItems=20),
            ),
        },
    }


def _operation(
    operation_id: str, parameters: list[Schema] | None = None, body: Schema | None = None, **answer: Schema
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation_id,
        "parameters": parameters or [],
        "responses": {
            "200": {
                "description": "Success, or an application error.",
                "content": {"application/json": {"schema": success(**answer)}},
            },
            "429": {
                "description": "Too many requests.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
        },
    }
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return described


def _query(name: str, schema: Schema, description: str = "", *, is_required: bool = False) -> Schema:
    parameter: Schema = {"name": name, "in": "query", "schema": schema}
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": True}
    if description:
        parameter["description"] = description
    return parameter | ({"required": True} if is_required else {})
