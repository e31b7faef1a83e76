"""The panel of private networks: create one, see its machines, attach others of its region."""

from __future__ import annotations

from collections import Counter
from typing import Final

import ipywidgets
import pandas as pd

from glows_nb import frames
from glows_nb.api.client import Client
from glows_nb.api.domains import DOMAIN_OF_REGION, networks_near, not_asked, regions_of
from glows_nb.api.errors import InvalidRequest
from glows_nb.api.models.instances import Instance
from glows_nb.api.models.networks import Endpoint, Network
from glows_nb.api.requests.networks import AttachInstances, CreateNetwork
from glows_nb.api.statuses import InstanceStatus
from glows_nb.frames.tables import Table, captioned
from glows_nb.widgets import texts
from glows_nb.widgets.controls import choose_several
from glows_nb.widgets.machines_frame import ALIVE, name_of
from glows_nb.widgets.markup import escaped
from glows_nb.widgets.panel.actions import Say
from glows_nb.widgets.panel.live_panel import LivePanel, client_for_panel
from glows_nb.widgets.panel.polling_interval import Outcome
from glows_nb.widgets.panel.small_form import LABELS, WIDE, SmallForm, text_field
from glows_nb.widgets.panel.snapshots_panel import with_age
from glows_nb.widgets.table.table import TableWidget

PLACES: Final = 5
"""So many machines the console lets into a mesh (FACTS 6); the service has the last word."""

CONNECTED: Final = "Connected"
CREATION: Final = "creation"
SHOWN: Final = ["name", "region", "machines", "age", "network_id", "created"]
ENDPOINTS_SHOWN: Final = ["machine", "status", "cidr", "mac", "age", "endpoint_id", "created"]


def networks_panel(*, client: Client | None = None) -> NetworksPanel:
    """Private networks with their machines, kept up to date; create one, and attach machines to the chosen one.

    Args:
        client: the client to use; without it the current one.

    Raises:
        ConfigError: there is no client and no token for one.
        InvalidRequest: `client` is no Client. What goes wrong later is said by the panel.
    """
    return NetworksPanel(client_for_panel(client))


class NetworksPanel(LivePanel):
    """The panel. The list of networks takes a request for each region, so it is read at first and when asked for;
    machines, and the places of the chosen network, are read at each refresh.
    """

    def __init__(self, client: Client) -> None:
        self._networks: list[Network] = []
        # The list of networks is read again when what was wanted is newer than what was read.
        self._wanted, self._read_for = 1, 0
        self._machines: list[Instance] = []
        self._endpoints: list[Endpoint] = []
        super().__init__(client, texts.NETWORKS)

    def _build(self) -> list[ipywidgets.Widget]:
        self.table = TableWidget(self._frame(), {"age": "created"})
        self.table.layout.display = "none"
        self.table.observe(lambda change: self._on_chosen(), "selected")
        self._chosen_words = ipywidgets.HTML()
        self.endpoints_table = TableWidget(self._endpoints_frame(), {"age": "created"})
        self.machines = ipywidgets.SelectMultiple(
            description=texts.NETWORKS_MACHINES, rows=4, style=LABELS, layout=WIDE
        )
        self.attach = SmallForm("", {"instance_ids": self.machines}, texts.NETWORKS_ATTACH, self._attach)
        self._chosen_box = ipywidgets.VBox([self.endpoints_table, self.attach.box])
        self._chosen_box.layout.display = "none"
        self.name = text_field(texts.NETWORKS_NAME, texts.NETWORKS_NAME_HINT)
        self.region = ipywidgets.Combobox(
            description=texts.NETWORKS_REGION, options=sorted(DOMAIN_OF_REGION), style=LABELS, layout=WIDE
        )
        fields = {"name": self.name, "region_name": self.region}
        self.form = SmallForm(texts.NETWORKS_FORM, fields, texts.NETWORKS_CREATE, self._create)
        chosen = ipywidgets.VBox([self._chosen_words, self._chosen_box]).add_class("glows-chosen")
        return [self.table, chosen, self.form.box, self._message]

    def _take_over(self, earlier: NetworksPanel) -> None:
        super()._take_over(earlier)
        self.name.value, self.region.value = earlier.name.value, earlier.region.value

    def _on_retry(self) -> None:
        self._wanted += 1
        super()._on_retry()

    def _read(self) -> Outcome:
        machines = self.client.instances.all(ALIVE)
        networks, wanted = self._networks, self._wanted
        if wanted != self._read_for:
            networks = self._read_networks(machines)
            self._read_for = wanted
        chosen = self.table.selected or (networks[0].network_id if len(networks) == 1 else None)
        endpoints = self.client.networks.all_endpoints(chosen) if chosen else []
        read = (networks, machines, endpoints)
        is_changed = read != (self._networks, self._machines, self._endpoints) or self._seen_at is None
        with self._lock:
            self._networks, self._machines, self._endpoints = read
        if is_changed:
            return Outcome.CHANGED
        is_steady = all(end.status == CONNECTED for machine in machines for end in machine.network_endpoints)
        return Outcome.SAME if is_steady else Outcome.PASSING

    def _read_networks(self, machines: list[Instance]) -> list[Network]:
        """The networks of every region whose number is known, from FACTS or from a machine there."""
        return self.client.run(networks_near(machines, strict=False))

    def _show(self) -> None:
        networks = self._networks
        caption = texts.NETWORKS_CAPTION.format(most=PLACES) if networks else texts.NO_NETWORKS
        if unknown := not_asked(self._machines):
            caption += f" {texts.NETWORKS_NOT_ASKED.format(regions=' and '.join(unknown))}"
        self.table.frame = captioned(self._frame(), caption, is_sandbox=False)
        self.table.layout.display = ""
        if self.table.selected is None and len(networks) == 1:
            self.table.selected = networks[0].network_id
        regions = {machine.region_name for machine in self._machines if machine.region_name}
        self.region.options = tuple(sorted({*DOMAIN_OF_REGION, *regions}))
        self.form.button.disabled = self.work.is_under_way(CREATION)
        self._show_chosen()

    def _show_chosen(self) -> None:
        network = self._chosen()
        self._chosen_box.layout.display = "none" if network is None else ""
        if network is None:
            self._chosen_words.value = escaped(texts.NETWORKS_CHOOSE_ONE if self._networks else "")
            return
        taken, region = len(self._endpoints), self._region(network)
        words = texts.NETWORKS_CHOSEN.format(name=network.name, taken=taken, most=PLACES)
        self._chosen_words.value = f"<b>{escaped(words)}</b>"
        caption = texts.NETWORKS_ENDPOINTS.format(name=network.name)
        self.endpoints_table.frame = captioned(self._endpoints_frame(), caption, is_sandbox=False)
        self.endpoints_table.layout.display = "" if taken else "none"
        self.attach.title = texts.NETWORKS_ATTACH_FORM.format(
            name=network.name,
            left=max(0, PLACES - taken),
            most=PLACES,
            region=region or texts.NETWORKS_SOME_REGION,
        )
        inside = {endpoint.instance_id for endpoint in self._endpoints}
        fitting = [
            machine
            for machine in self._machines
            if machine.status == InstanceStatus.RUNNING
            and machine.instance_id not in inside
            and region in ("", machine.region_name)
        ]
        choose_several(self.machines, [(self._name(machine.instance_id), machine.instance_id) for machine in fitting])
        self.machines.layout.display = "" if fitting else "none"
        is_attaching = self.work.is_under_way(network.network_id)
        self.attach.button.disabled = not fitting or is_attaching
        several = texts.NETWORKS_SEVERAL if len(fitting) > 1 else ""
        self.attach.note("instance_ids", several if fitting else texts.NETWORKS_NONE_FITS)

    def _plain(self) -> Table:
        frame = self._frame().drop(columns="age")
        return captioned(frame, texts.NETWORKS, is_sandbox=self.client.is_sandbox)

    def _frame(self) -> pd.DataFrame:
        networks = self._networks
        inside = Counter(end.network_id for machine in self._machines for end in machine.network_endpoints)
        chosen = self._chosen()
        if chosen is not None:
            inside[chosen.network_id] = len(self._endpoints)
        frame = with_age(frames.networks(networks))
        return frame.assign(
            region=pd.Series([self._region(network) or None for network in networks], dtype="string"),
            machines=pd.Series([f"{inside[network.network_id]}/{PLACES}" for network in networks], dtype="string"),
        )[SHOWN]

    def _endpoints_frame(self) -> pd.DataFrame:
        frame = with_age(frames.endpoints(self._endpoints))
        names = [self._name(endpoint.instance_id) for endpoint in self._endpoints]
        return frame.assign(machine=pd.Series(names, dtype="string"))[ENDPOINTS_SHOWN]

    def _chosen(self) -> Network | None:
        table = getattr(self, "table", None)
        return next((known for known in self._networks if table and known.network_id == table.selected), None)

    def _region(self, network: Network) -> str:
        """A network's region: machines carry its number and its name, FACTS some more; "" where nothing tells."""
        regions = {domain: region for region, domain in DOMAIN_OF_REGION.items()}
        regions |= {domain: region for domain, region in regions_of(self._machines) if region}
        return "" if network.domain is None else regions.get(network.domain, "")

    def _name(self, instance_id: str) -> str:
        machine = next((machine for machine in self._machines if machine.instance_id == instance_id), None)
        return f"{name_of(machine, self.client.account_mark)} ({instance_id})" if machine else instance_id

    def _on_chosen(self) -> None:
        with self._lock:
            self._endpoints = []
            self._show_chosen()
        self.refresher.hasten()

    def _create(self) -> None:
        # Refused here, beside the field, before anything is sent.
        request = CreateNetwork(name=str(self.name.value).strip(), region_name=str(self.region.value).strip())

        def job(say: Say) -> str:
            network_id = self.client.networks.create(request.name, request.region_name)
            return texts.NETWORKS_CREATED.format(name=request.name, id=network_id)

        self.work.start(CREATION, texts.NETWORKS_CREATING.format(name=request.name), job)

    def _attach(self) -> None:
        network, instance_ids = self._chosen(), list(self.machines.value)
        if network is None:
            return
        if not instance_ids:
            raise InvalidRequest("instance_ids", texts.NETWORKS_NONE_CHOSEN)
        AttachInstances(network_id=network.network_id, instance_ids=tuple(instance_ids))
        names = ", ".join(self._name(instance_id) for instance_id in instance_ids)

        def job(say: Say) -> str:
            self.client.networks.attach(network.network_id, instance_ids)
            return texts.NETWORKS_ATTACHED.format(names=names, network=network.name)

        self.work.start(network.network_id, texts.NETWORKS_ATTACHING.format(names=names, network=network.name), job)

    def _take_note(self, subject: str) -> None:
        if subject == CREATION:
            self._wanted += 1
            self.name.value = ""

    def _say_error(self, subject: str, error: Exception) -> None:
        self._say("")
        form = self.form if subject == CREATION else self.attach
        form.show_error(error)
