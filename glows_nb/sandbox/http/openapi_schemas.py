"""The shapes of the contract as JSON Schema, for the OpenAPI document in `openapi`.

Written from the contract's text and samples, not from the code beside it: a test holds the two against each other.
"""

from typing import Any

Schema = dict[str, Any]

ERROR_CODES = (1, 6, 7, 10, 17, 20, 88, 89, 114, 133, 164, 174, 192, 198, 199, 206, 208, 215)
REJECTED_TOKEN = 176
"""Not in the contract, but what the service answers to a bad token (FACTS 2)."""

INT32 = {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
BOOLEAN = {"type": "boolean"}
SECONDS = {"type": "integer", "format": "int64", "minimum": 0, "description": "Seconds since 1970."}

NODE_STATUSES = [
    "InvalidNodeStatus",
    "Pending",
    "Running",
    "Exited",
    "Finished",
    "Rebooted",
    "Canceling",
    "Unavail",
    "Pausing",
    "Paused",
    "Resuming",
    "Snapshotted",
    "ExitSnapshotted",
    "Migrating",
    "Checkpointed",
    "SchedInit",
    "SchedQueued",
    "PriceChanged",
]


def text(most: int, least: int = 0) -> Schema:
    """Make the schema of a text of at most so many characters."""
    return {"type": "string", "maxLength": most} | ({"minLength": least} if least else {})


def array(items: Schema, **more: int) -> Schema:
    """Make the schema of a list."""
    return {"type": "array", "items": items, **more}


def ref(name: str) -> Schema:
    """Refer to one of the shapes below."""
    return {"$ref": f"#/components/schemas/{name}"}


def shape(**properties: Schema) -> Schema:
    """Make the schema of an object in an answer: all of its fields are there, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def order(required: tuple[str, ...], **properties: Schema) -> Schema:
    """Make the schema of a request's body; unknown fields are ignored."""
    return {"type": "object", "properties": properties, "required": list(required)}


def nullable(schema: Schema) -> Schema:
    """Let null stand for a shape."""
    return {"anyOf": [schema, {"type": "null"}]}


def success(**properties: Schema) -> Schema:
    """Make the schema of an answer: success with its fields, or an error with none."""
    return {"oneOf": [shape(code={"const": 0}, msg={"const": ""}, **properties), ref("Error")]}


_CREATE = order(
    ("custom_meta_key", "instance_category", "region_name"),
    from_image_id=text(64),
    from_snap_id=text(64),
    gpu_name=text(128),
    cpu_name=text(128),
    custom_meta_key=text(64, 1),
    instance_category={"type": "string", "enum": ["container", "vm"], "default": "container"},
    region_name=text(128, 1),
    remark=text(32),
    cmd=text(512),
    envs=text(512),
    ports={"type": "string", "description": 'A JSON string such as [{"port":7890,"protocol":2}].'},
    unit_qty={"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**63 - 1, "default": 1},
    base_resource=order(
        (),
        resource_id=TEXT,
        unit_qty=COUNT,
        unit_spec=order((), gpu_name=TEXT, cpu_name=TEXT, gpus=COUNT, cpus=COUNT, ram_mb=COUNT, disk_gb=COUNT),
    ),
    extra_resource=order((), cpus=COUNT),
    net_ids=array(text(64), maxItems=1),
    network_type={"type": "integer", "enum": list(range(8))},
    public_ip_id=text(64),
) | {
    "description": (
        "Of from_image_id and from_snap_id there is one. The contract shows one variant, an image with gpu_name; all "
        "others are inferred, each with a switch of the sandbox (PATCH /_sandbox/switches): from_snap_id as the "
        "snapshot's field (refuses_from_snapshot_id), cpu_name instead of gpu_name (takes_cpu_name), base_resource "
        "instead of either, or beside the name that agrees with it (takes_base_resource), and the fields of "
        "extra_resource (sells_extras). That a machine is billed while it is Running alone is one of two readings "
        "(bills_from_order)."
    ),
}

SCHEMAS: dict[str, Schema] = {
    "Error": shape(code={"type": "integer", "enum": [*ERROR_CODES, REJECTED_TOKEN]}, msg=TEXT),
    "Pagination": shape(total=COUNT, numPages=COUNT, page=COUNT, perPage=COUNT),
    "NodeStatusName": {"type": "string", "enum": NODE_STATUSES},
    "CreateInstance": _CREATE,
    "VisibleInstance": shape(
        instanceID=TEXT,
        category={"type": "string", "enum": ["container", "vm"]},
        status=ref("NodeStatusName"),
        priceCent=COUNT,
        hardware=shape(
            gpuName=TEXT, cpuName=TEXT, gpuNum=COUNT, gpuRamMB=COUNT, cpuCoresNum=COUNT, ramMB=COUNT, diskGB=COUNT
        ),
        baseImage=nullable(shape(imageID=TEXT, imageName=TEXT)),
        baseSnap=nullable({"type": "object"}),
        sshCred=shape(user=TEXT, password=TEXT),
        accesses=array(shape(protocol=TEXT, listenPort={"type": "integer", "minimum": 1, "maximum": 65535}, url=TEXT)),
        domain=INT32,
        createTime=shape(seconds=SECONDS),
        cmd=TEXT,
        envs=TEXT,
        remark=TEXT,
        metaKey=TEXT,
        sourceType=TEXT,
        netEndpointInfos=nullable(array(shape(netID=TEXT, cidr=TEXT, mac=TEXT, status=TEXT))),
        regionName=TEXT,
    ),
    "SDKImageInfo": shape(image_id=TEXT, name=TEXT, status=INT32, create_time=SECONDS),
    "SpecInfo": shape(
        region_name=TEXT,
        machine_category={"type": "integer", "enum": [0, 1, 2, 3]},
        instance_categories=array({"type": "integer", "enum": [0, 1]}),
        base_resource=shape(
            resource_id=TEXT,
            unit_qty=COUNT,
            unit_spec=shape(cpus=COUNT, gpus=COUNT, disk_gb=COUNT, gpu_name=TEXT, cpu_name=TEXT, ram_mb=COUNT),
        ),
        extra_resources=array(shape(resource={"type": "object"}, price=shape(millicent_per_hour=COUNT))),
        price=shape(millicent_per_hour=COUNT),
        avail=BOOLEAN,
        max_available_units=COUNT,
    ),
    "RegionSpecs": shape(region_name=TEXT, specs=array(ref("SpecInfo"))),
    "VisibleNetwork": shape(
        netID=TEXT,
        name=TEXT,
        createTime=shape(seconds=SECONDS),
        create_time=SECONDS,
        clusterType=TEXT,
        domain=INT32,
    ),
    "SDKNetworkEndpoint": shape(
        endpoint_id=TEXT,
        network_id=TEXT,
        instance_id=TEXT,
        status=INT32,
        cidr=TEXT,
        mac=TEXT,
        create_time=SECONDS,
    ),
    "SDKSnapshotInfo": shape(
        snapshot_id=TEXT,
        instance_id=TEXT,
        status={"type": "integer", "enum": list(range(8))},
        type=INT32,
        domain=INT32,
        create_time=SECONDS,
        modify_time=SECONDS,
        size_bytes=COUNT,
        vol_size_bytes=COUNT,
    ),
}
