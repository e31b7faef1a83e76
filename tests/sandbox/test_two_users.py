"""Two users do whatever they like, in any order: neither sees the other's things, and no limit is ever passed."""

import dataclasses
import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from glows_nb.sandbox.catalogue import CATALOGUE
from glows_nb.sandbox.server import SandboxServer
from glows_nb.sandbox.settings import Limits
from tests.sandbox.conftest import Caller

USERS = ("ann", "bob")
LIMITS = Limits(instances=3, snapshots=2, networks=1, endpoints=2, pending_images=1, storage_gb=15)
STOCK = 6
DOCUMENTED = {0, 6, 7, 10, 17, 20, 88, 89, 114, 133, 164, 174, 176, 192, 198, 199, 206, 208, 215}
OFFER = dataclasses.replace(
    next(offer for offer in CATALOGUE.offers if offer.slug == "tw-04-rtx4090-1gpu"), stock=STOCK
)
WHO = st.sampled_from(USERS)
KEYS = st.sampled_from([f"key-{number}" for number in range(9)])
LINKS = st.sampled_from(["registry.example.com/a", "registry.example.com/b", "with space"])


def some(thing):
    """Put a thing into its bundle, or nothing if none was made."""
    return multiple() if thing is None else thing


class TwoUsers(RuleBasedStateMachine):
    machines, networks, snapshots, images = (Bundle(name) for name in ("machines", "networks", "snapshots", "images"))

    def __init__(self):
        super().__init__()
        catalogue = dataclasses.replace(CATALOGUE, offers=(OFFER,))
        self.server = SandboxServer(catalogue=catalogue, limits=LIMITS, seed=1, is_reachable=False).start()
        self.server.clock.pause()
        self.callers = {user: Caller(self.server, self.server.issue_token(user)) for user in USERS}
        self.owner = {}
        self.keys = {}

    def teardown(self):
        for caller in self.callers.values():
            caller.close()
        self.server.stop()

    def call(self, user, method, path, params=None, body=None, theirs=()):
        """Context, and check that nothing of another user's can be used."""
        answer = self.callers[user].call(method, path, params, body)
        assert answer["code"] in DOCUMENTED
        if any(self.owner[thing] != user for thing in theirs):
            # A key that is taken comes before a network that isn't there, and both before any quota.
            assert answer["code"] in ((6, 10) if path == "/instance" and method == "POST" else (6,))
        return answer

    def made(self, user, *things):
        for thing in things:
            assert thing not in self.owner
            self.owner[thing] = user
        return things[0]

    @initialize(target=machines)
    def both_have_a_machine_that_runs(self):
        machines = [self.create(user, f"first of {user}", 1) for user in USERS]
        self.server.clock.advance(47)
        return multiple(*machines)

    @initialize(target=networks)
    def both_have_a_network(self):
        return multiple(*(self.new_network(user, "mesh")["network_id"] for user in USERS))

    def create(self, user, key, units, theirs=(), **source):
        body = {
            "from_image_id": "img-6np5yvq2",
            "gpu_name": OFFER.gpu_name,
            "custom_meta_key": key,
            "instance_category": "container",
            "region_name": "TW-04",
            "unit_qty": units,
        } | source
        answer = self.call(user, "POST", "/instance", body=body, theirs=theirs)
        if key in self.keys and not any(self.owner[thing] != user for thing in theirs):
            assert answer["code"] in (6, 10)
        if answer["code"]:
            return None
        self.keys[key] = user
        return self.made(user, answer["instance"]["instanceID"])

    @rule(target=machines, user=WHO, key=KEYS, units=st.sampled_from([0, 1, 1, 2, STOCK + 1]))
    def create_from_image(self, user, key, units):
        return some(self.create(user, key, units))

    @rule(target=machines, user=WHO, key=KEYS, snapshot=snapshots, network=networks)
    def create_from_snapshot_in_network(self, user, key, snapshot, network):
        things = [snapshot, network]
        source = {"from_image_id": None, "from_snap_id": snapshot, "net_ids": [network]}
        return some(self.create(user, key, 1, things, **source))

    @rule(target=machines, user=WHO, key=KEYS, image=images)
    def create_from_own_image(self, user, key, image):
        return some(self.create(user, key, 1, [image], from_image_id=image))

    @rule(user=WHO, machine=machines)
    def cancel(self, user, machine):
        self.call(user, "DELETE", "/instance", {"request_id": machine}, theirs=[machine])

    @rule(user=WHO, machine=machines)
    def query(self, user, machine):
        answer = self.call(user, "GET", "/instance", {"request_id": machine})
        assert (answer["code"] == 0) == (self.owner[machine] == user)

    @rule(target=snapshots, user=WHO, machine=machines)
    def snapshot(self, user, machine):
        answer = self.call(user, "POST", "/snapshot", body={"instance_id": machine}, theirs=[machine])
        return some(self.made(user, *answer["snapshot_ids"]) if answer["code"] == 0 else None)

    @rule(target=networks, user=WHO, name=st.sampled_from(["mesh", "other"]))
    def create_network(self, user, name):
        return some(self.new_network(user, name).get("network_id"))

    def new_network(self, user, name):
        answer = self.call(user, "POST", "/network", body={"name": name, "region_name": "TW-04"})
        if answer["code"] == 0:
            self.made(user, answer["network_id"])
        return answer

    @rule(user=WHO, network=networks, chosen=st.lists(machines, min_size=1, max_size=4))
    def attach(self, user, network, chosen):
        body = {"network_id": network, "instance_ids": chosen}
        answer = self.call(user, "POST", "/network/endpoint", body=body, theirs=[network, *chosen])
        if answer["code"] == 0:
            self.made(user, *answer["endpoint_ids"])

    @rule(target=images, user=WHO, link=LINKS)
    def submit(self, user, link):
        answer = self.call(user, "POST", "/image", body={"image_link": link})
        return some(self.made(user, answer["image_id"]) if answer["code"] == 0 else None)

    @rule(user=WHO, image=consumes(images))
    def delete(self, user, image):
        answer = self.call(user, "DELETE", "/image", body={"image_id": image}, theirs=[image])
        assert (answer["code"] == 0) == (self.owner[image] == user)

    @rule(seconds=st.sampled_from([1, 30, 60, 100]))
    def time_passes(self, seconds):
        self.server.clock.advance(seconds)

    @invariant()
    def everything_listed_is_ones_own(self):
        for user in USERS:
            listed = [
                *(machine["instanceID"] for machine in self.page(user, "/instance/list", "instances")),
                *(snapshot["snapshot_id"] for snapshot in self.page(user, "/snapshot/list", "snapshots")),
                *(network["netID"] for network in self.page(user, "/network/list", "networks", domain=3)),
                *(image["image_id"] for image in self.page(user, "/image/list", "images", owned="true")),
            ]
            assert len(listed) == len(set(listed))
            assert {self.owner[thing] for thing in listed} <= {user}
            owned = {thing for thing, owner in self.owner.items() if owner == user and thing[:3] in ("ins", "net")}
            assert owned <= set(listed)

    @invariant()
    def quotas_hold(self):
        for user in USERS:
            stats = self.callers[user].get("/instance/stats")["stats"]
            assert sum(count for status, count in stats.items() if status != "Finished") <= LIMITS.instances
            assert len(self.page(user, "/snapshot/list", "snapshots")) <= LIMITS.snapshots
            networks = self.page(user, "/network/list", "networks", domain=3)
            assert len(networks) <= LIMITS.networks
            for network in networks:
                endpoints = self.page(user, "/network/endpoint/list", "endpoints", network_id=network["netID"])
                assert len(endpoints) <= LIMITS.endpoints
                assert {self.owner[endpoint["instance_id"]] for endpoint in endpoints} <= {user}

    @invariant()
    def stock_and_what_is_held_are_always_the_same_together(self):
        stock, held = self.callers["ann"].stock("TW-04"), 0
        for user in USERS:
            for machine in self.page(user, "/instance/list", "instances"):
                row = self.server.store.machine_by_hash(machine["instanceID"][4:])
                held += row.held_units
        assert stock >= 0
        assert stock + held == STOCK

    def page(self, user, path, name, **params):
        answer = self.callers[user].get(path, page=1, per_page=20, **params)
        assert answer["code"] == 0
        return answer[name]


TestTwoUsers = TwoUsers.TestCase
TestTwoUsers.settings = settings(
    max_examples=int(os.environ.get("GLOWS_NB_SEEDS", "8")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Making a failure shorter would take minutes, and 25 steps can be read.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
