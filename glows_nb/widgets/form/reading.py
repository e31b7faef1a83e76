"""What the launch form offers, read in the background: images, snapshots, offers for them, networks."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, RLock

from glows_nb.api.client import Client
from glows_nb.api.domains import networks_and_regions_not_asked
from glows_nb.api.errors import GlowsError, WaitTimeout
from glows_nb.api.models.networks import Network, NetworkType
from glows_nb.api.models.specs import Spec
from glows_nb.api.offers import choose_default_image
from glows_nb.widgets import texts
from glows_nb.widgets.background import Background
from glows_nb.widgets.form.fields import IMAGE, SNAPSHOT, FormFields
from glows_nb.widgets.form.sources import Sources


class FormReading:
    """Reads one thing after the other, and brings images and snapshots into their menus.

    Args:
        client: whom to ask.
        fields: the form's fields.
        lock: held while what was read is changed.
        pinned_image: the image that a pinned offer was listed for, "" where nobody told.
        begun: hears when something is going to be read.
        offered: hears when there are other offers or networks.
        ended: hears when all is read, or an error came.

    Attributes:
        specs: the offers for what is chosen to start from; none where they can't be read.
        image_id: the image that the offers are for.
        category: the only one that what is chosen can be started as, "" where image and offer decide.
        networks: private networks ("network") and public IPs ("public_ip"), once they were asked for.
        error: why something could not be read, None where all could.
    """

    def __init__(
        self,
        client: Client,
        fields: FormFields,
        lock: RLock,
        *,
        pinned_image: str = "",
        begun: Callable[[], None],
        offered: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self.specs: list[Spec] = []
        self.image_id = self.category = ""
        self.networks: dict[str, list[Network]] = {}
        self.unasked: list[str] = []
        """The regions whose networks can't be asked for."""
        self.unread: dict[str, str] = {}
        """What could not be read of what is not needed, and why, by the field that it is for."""
        self.error: Exception | None = None
        self.background = Background("glows form reading", self._fail)
        self._client = client
        self._fields = fields
        self._lock = lock
        self._begun, self._offered, self._ended = begun, offered, ended
        self._sources = Sources(client)
        self._pinned_image = pinned_image
        self._under_way = 0
        self._is_read = Event()

    @property
    def is_under_way(self) -> bool:
        """Is something still to be read?"""
        return self._under_way > 0

    def wait(self, timeout: float) -> None:
        """Wait until all is read.

        Raises:
            GlowsError: something can't be read.
            WaitTimeout: `timeout` seconds passed.
        """
        if not self._is_read.wait(timeout):
            raise WaitTimeout(texts.FORM_UNREAD.format(seconds=timeout), None)
        if self.error is not None:
            raise self.error

    def read_all(self, *, with_networks: bool) -> None:
        """Read everything anew."""
        self._start(self._read_sources)
        self._start(self._read_specs)
        if with_networks:
            self.read_networks()

    def read_specs(self) -> None:
        """Something else is chosen to start from: read the offers for it."""
        self._start(self._read_specs)

    def read_snapshots(self) -> None:
        """Read the snapshots, and the offers for the one that is chosen."""
        self._start(self._read_snapshots)
        self._start(self._read_specs)

    def read_networks(self) -> None:
        """Read the networks; they take many requests, so nobody asks before somebody wants to see them."""
        self._start(self._read_networks)

    def close(self) -> None:
        """Read nothing more; who waits is let go."""
        self.background.close()
        self._is_read.set()

    def _start(self, work: Callable[[], None]) -> None:
        def read() -> None:
            try:
                # What comes after something that failed would only fail as well.
                if self.error is None:
                    work()
            except Exception as error:  # noqa: BLE001 - the form shows it, and there is nobody else to tell
                if not self.background.is_closed:
                    self._fail(error)
            finally:
                with self._lock:
                    self._under_way -= 1
                    if not self._under_way:
                        self._ended()
                        # Whoever waits for this finds the form as it is to stay.
                        self._is_read.set()

        with self._lock:
            if not self._under_way:
                self.error = None
                self.unread = {}
            self._under_way += 1
            self._is_read.clear()
            self._begun()
        self.background.start(read)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self.error = error
            # Those of another image are not kept.
            self.specs = []
            self._offered()
            self._ended()

    def _read_sources(self) -> None:
        try:
            options = self._sources.read_images()
        except GlowsError as error:
            self._say_unread(IMAGE, texts.FORM_IMAGES_UNREAD, error)
            known = self._fields.image.value or self._pinned_image
            if not known and self._fields.source.value == IMAGE:
                raise  # nothing is chosen, and nothing can be
            options = [(known, known)] if known else []
        with self._lock:
            wanted = self._fields.image.value or self._pinned_image
            if not wanted and options:
                wanted = choose_default_image(self._sources.images).image_id
            self._fields.offer_sources(IMAGE, options, wanted)
        if self._fields.source.value == SNAPSHOT:
            self._read_snapshots()

    def _read_snapshots(self) -> None:
        options = self._sources.read_snapshots()
        with self._lock:
            self._fields.offer_sources(SNAPSHOT, options, self._fields.snapshot.value)

    def _read_specs(self) -> None:
        kind, source = self._fields.source.value, self._fields.chosen_source()
        image_id, category = self._sources.below(source) if kind == SNAPSHOT else (source, "")
        specs = self._client.specs.all(from_image_id=image_id or None)
        with self._lock:
            if source == self._fields.chosen_source():
                self.specs, self.image_id, self.category = specs, image_id, category
                self._offered()

    def _read_networks(self) -> None:
        read: dict[str, list[Network]] = {}
        for name, kind in (("network", NetworkType.MESH), ("public_ip", NetworkType.NAT4)):
            try:
                read[name], self.unasked = self._client.run(networks_and_regions_not_asked(kind, strict=False))
            except GlowsError as error:
                # A machine can be started without any: the rest of the form goes on.
                self._say_unread(name, texts.FORM_NETWORKS_UNREAD, error)
        with self._lock:
            self.networks = read
            self._offered()

    def _say_unread(self, name: str, text: str, error: GlowsError) -> None:
        with self._lock:
            self.unread[name] = text.format(problem=error)
